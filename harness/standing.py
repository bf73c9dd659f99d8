"""How a case stands to what was known before it ran, and to its own earlier tries. Pure.

A *known failure* is an entry of a file (:mod:`harness.expectations`): this client fails this scenario, by this law. The
entry travels in the event of the case, so that every report can tell, also one made later.

* It fails by that law in every try that failed: known, and not held against the run.
* It fails by another law, which is another failure: held against the run like any that nobody knew.
* It passes: its entry is out of date, which is held against the run too, or the file would never shrink; unless the
  entry says that the failure is flaky.
* UNKNOWN and SKIP neither confirm nor refute an entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from harness.verdict import Verdict

PLACEHOLDER = "TODO"
"""What stands for a reason that nobody has written yet."""


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A known failure of one client in one scenario."""

    law: str
    """Code of the law that decided, such as ``SP02``."""
    harm: str = ""
    """What the user saw when it was written down; seeds and times change it, so it is not compared."""
    reason: str = ""
    """Why it is not repaired (yet), in its author's words."""
    flaky: bool = False
    """It passes at times, so a pass does not refute it."""

    @property
    def has_reason(self) -> bool:
        """Whether an author gave one."""
        return bool(self.reason.strip()) and not self.reason.strip().upper().startswith(PLACEHOLDER)


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """How one of several tries of a case ended."""

    verdict: Verdict
    law: str = ""
    """Code of the law that decided; empty for a pass."""


class Standing(StrEnum):
    """What a case is to its run: its verdict, unless something was known of it that changes what it means."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    SKIP = "skip"
    KNOWN = "known"
    """It failed as it is known to."""
    FIXED = "fixed"
    """It is known to fail, and passed."""


ATTENTION = (Standing.FAIL, Standing.FIXED, Standing.UNKNOWN)
"""What somebody has to look at."""


def standing(verdict: Verdict, laws: Iterable[str], known: Known | None) -> Standing:
    """How a case stands.

    Args:
        laws: the law that decided, of each try that failed.
        known: the entry of the case; None when there is none.
    """
    if known is None:
        return Standing(verdict.value)
    if verdict is Verdict.FAIL:
        return Standing.KNOWN if set(laws) == {known.law} else Standing.FAIL
    if verdict is Verdict.PASS and not known.flaky:
        return Standing.FIXED
    return Standing(verdict.value)


def note(stands: Standing, known: Known | None, tries: Sequence[Try]) -> str:
    """What the verdict alone does not tell: of an entry, and of several tries; empty when there is nothing."""
    parts = [_of_entry(stands, known) if known is not None else "", _of_tries(tries)]
    return "; ".join(part for part in parts if part)


def _of_entry(stands: Standing, known: Known) -> str:
    match stands:
        case Standing.KNOWN:
            return f"known failure: {known.reason if known.has_reason else 'no reason is given'}"
        case Standing.FIXED:
            return f"known to fail by {known.law}, and passes now: remove its entry"
        case Standing.FAIL:
            return f"known to fail by {known.law}; this is another failure"
        case Standing.PASS:
            return f"known to fail by {known.law} at times"
        case _:
            return f"known to fail by {known.law}, which this neither confirms nor refutes"


def _of_tries(tries: Sequence[Try]) -> str:
    if len(tries) < 2:
        return ""
    if len(set(tries)) == 1:
        return f"the same in each of {len(tries)} tries"
    told = ", ".join(f"{one.verdict} {one.law}".strip() for one in tries)
    if are_flaky(tries):
        return f"flaky: {told}"
    return f"{'by different laws' if len({one.verdict for one in tries}) == 1 else 'tried again'}: {told}"


def are_flaky(tries: Iterable[Try]) -> bool:
    """Whether the verdicts differ; an UNKNOWN, which says nothing of the client, differs from none."""
    return len({one.verdict for one in tries} - {Verdict.UNKNOWN}) > 1
