from __future__ import annotations

from itertools import pairwise, takewhile

from harness.history import Attempt, Case
from harness.law import law
from harness.model import Capability
from harness.verdict import PASSED, Ruling, failed, skipped

_ERROR_STATUS = 400
_NO_WAIT_SECONDS = 0.02
_SAME = 0.01
"""Waits whose ratios differ by less than this part are taken for equal: chance hardly ever does that three times."""


@law("SP13", rank=11, timed=True)
def backoff_grows(case: Case) -> Ruling:
    """Waits between attempts grow, and they are not the same for every client.

    A client does not come back at once, time after time; its waits are not all alike; and waits that double exactly
    have no jitter: all clients that failed together come back together. Waits drawn by chance (full jitter) may shrink
    once, so growth and jitter are judged from three waits on.
    """
    if not case.can(Capability.RETRIES):
        return skipped("the client does not retry")
    refused = list(takewhile(_is_refused, case.attempts))
    gaps = [after.requested.t - (before.over_at or 0.0) for before, after in pairwise(refused)]
    if len(gaps) >= 2 and max(gaps) < _NO_WAIT_SECONDS:
        return failed(f"it came back at once, {len(gaps)} times")
    if len(gaps) < 3:
        return skipped("fewer than three waits without a hint from the server, from the first attempt on")
    ratios = [b / a for a, b in pairwise(gaps)]
    if all(abs(ratio - 1.0) < _SAME for ratio in ratios):
        return failed(f"the waits are all alike ({_listed(gaps)}): they neither grow nor differ between clients")
    if all(abs(ratio / 2.0 - 1.0) < _SAME for ratio in ratios):
        return failed(f"the waits double exactly ({_listed(gaps)}): without jitter all clients come back together")
    return PASSED


def _is_refused(attempt: Attempt) -> bool:
    """Whether it got an error status and no word on when to come back."""
    reply = attempt.replied
    return reply is not None and reply.status >= _ERROR_STATUS and "retry-after" not in reply.headers


def _listed(gaps: list[float]) -> str:
    return ", ".join(f"{gap:.2f} s" for gap in gaps)
