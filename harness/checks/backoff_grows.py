from __future__ import annotations

from itertools import pairwise, takewhile

from harness.history import Attempt, Case
from harness.law import law
from harness.model import Capability
from harness.verdict import PASSED, Ruling, failed, skipped

_ERROR_STATUS = 400
_SAME = 0.01
"""Two ratios of waits that differ by less than this part are taken for equal."""


@law("SP13", rank=11, timed=True)
def backoff_grows(case: Case) -> Ruling:
    """Waits between attempts grow, and they are not the same for every client.

    From the first attempt on, the second wait is longer than the first and none is shorter than it; and waits that
    double exactly, time after time, have no jitter: all clients that failed together come back together. Jitter is
    judged from three waits on.
    """
    if not case.can(Capability.RETRIES):
        return skipped("the client does not retry")
    refused = list(takewhile(_is_refused, case.attempts))
    if len(refused) < 3:
        return skipped("the first three attempts were not refused without a hint from the server")
    gaps = [after.requested.t - (before.over_at or 0.0) for before, after in pairwise(refused)]
    if gaps[1] <= gaps[0] * 1.1 or min(gaps) < gaps[0] * 0.95:
        return failed(f"the waits between attempts do not grow: {_listed(gaps)}")
    ratios = [b / a for a, b in pairwise(gaps)]
    if len(ratios) >= 2 and all(abs(ratio / 2.0 - 1.0) < _SAME for ratio in ratios):
        return failed(f"the waits double exactly ({_listed(gaps)}): without jitter all clients come back together")
    return PASSED


def _is_refused(attempt: Attempt) -> bool:
    """Whether it got an error status and no word on when to come back."""
    reply = attempt.replied
    return reply is not None and reply.status >= _ERROR_STATUS and "retry-after" not in reply.headers


def _listed(gaps: list[float]) -> str:
    return ", ".join(f"{gap:.2f} s" for gap in gaps)
