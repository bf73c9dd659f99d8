"""What a load counts of one call that is over, read off its history. Pure.

What nobody can know stays None: of a client that shows nothing while it streams, when its text came; of a port at which
nobody listens, how often it was asked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from fake_server.record import Requested
from harness.history import Case
from harness.model import Endpoint, Finished, Outcome, Shown


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one call; times in seconds."""

    first: float | None
    """From its begin to the first text on display."""
    gaps: tuple[float, ...]
    """Between two texts on display."""
    recovery: float | None
    """The longest time that the text stood still around a request after the first; None when there was none, or no text
    came after it."""
    took: float | None
    """To its end; None where it had none of its own."""
    late: float
    """The longest time that our own event loop came late meanwhile."""
    requests: int | None
    streamed: int | None
    """Characters of text in all replies, as far as they came."""
    wasted: int | None
    """Of these, how many are not in the text that the user has in the end."""
    can_be_whole: bool
    """Whether the whole answer could be had."""
    is_whole: bool
    """Whether its user has it, and was told so."""


def counted(case: Case) -> Counted:
    """The numbers of a call."""
    shown = [one.t for one in case.client if isinstance(one, Shown)]
    asked = [one.t for one in case.server if isinstance(one, Requested)]
    streamed = _streamed(case)
    return Counted(
        first=shown[0] if shown else None,
        gaps=tuple(after - before for before, after in pairwise(shown)),
        recovery=_recovery(shown, asked),
        took=case.finished.t if isinstance(case.finished, Finished) else None,
        late=case.lag,
        requests=len(asked) if case.info.endpoint is Endpoint.SERVER else None,
        streamed=streamed,
        wasted=None if streamed is None else max(0, streamed - len(case.final_text)),
        can_be_whole=case.info.expect.outcome is Outcome.COMPLETE and not case.cancelled,
        is_whole=_is_whole(case),
    )


def _recovery(shown: Sequence[float], asked: Sequence[float]) -> float | None:
    stood: list[float] = []
    for request in asked[1:]:
        after = bisect_right(shown, request)
        if after < len(shown):
            stood.append(shown[after] - (shown[after - 1] if after else 0.0))
    return max(stood, default=None)


def _streamed(case: Case) -> int | None:
    """None where the network cannot tell what came through."""
    try:
        return sum(len(attempt.told_to_the_lenient.text) for attempt in case.attempts)
    except LookupError:
        return None


def _is_whole(case: Case) -> bool:
    end = case.finished
    if end is None or end.outcome is not Outcome.COMPLETE:
        return False
    return not case.info.texts or case.final_text in case.info.texts
