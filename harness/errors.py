"""Whose fault it is.

::

    StreamproofError
    ├── UsageError       the user's: a wrong name, option or file; exit status 2
    ├── AdapterError     the adapter's: it broke its contract; the case is UNKNOWN, never a failure of the client
    └── InternalError    ours; exit status 70, and what was recorded is kept

The fourth kind of blame is no exception: a :class:`~harness.verdict.Ruling` that failed is the tested client's.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class StreamproofError(Exception):
    """Base of the harness's own errors."""


class UsageError(StreamproofError):
    """Something that the user asked for cannot be done as asked."""


class AdapterError(StreamproofError):
    """An adapter broke the contract between adapters and the harness."""


class InternalError(StreamproofError):
    """A fault of the harness itself."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with the closest ones that do."""
    names = sorted(known)
    close = get_close_matches(name, names, n=3, cutoff=0.5) or [one for one in names if name in one][:3]
    hint = (
        f"did you mean {' or '.join(close)}?"
        if close
        else f"known: {', '.join(names[:12])}{'…' if len(names) > 12 else ''}"
    )
    return UsageError(f"no {kind} named {name!r}; {hint}")
