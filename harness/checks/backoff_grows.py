from __future__ import annotations

from itertools import pairwise, takewhile

from harness.attempt import Attempt
from harness.history import Case
from harness.law import law
from harness.model import Capability
from harness.verdict import PASSED, Ruling, failed, skipped

_ERROR_STATUS = 400
_NO_WAIT_SECONDS = 0.05
_NOISE_SECONDS = 0.01
_ALIKE, _EXACT = 0.05, 0.02
"""Numbers that differ by less than this part are taken for equal: chance hardly ever does that time after time."""


@law("SP13", rank=11, tolerates=0.1)
def backoff_grows(case: Case) -> Ruling:
    """Waits between attempts grow, and they are not the same for every client.

    A client does not come back at once, time after time; its waits are not all alike; and waits that double exactly
    have no jitter: all clients that failed together come back together. Waits drawn by chance (full jitter) may shrink
    once, so growth is judged from four attempts on, and jitter from six; it is judged by the steps between waits, in
    which the time that a request itself takes cancels out.
    """
    if not case.can(Capability.RETRIES):
        return skipped("the client does not retry")
    if case.is_held_up:
        return skipped("the network has held requests up: the server saw them late, perhaps in another order")
    refused = list(takewhile(_is_refused, case.attempts))
    gaps = [after.requested.t - (before.over_at or 0.0) for before, after in pairwise(refused)]
    if len(gaps) < 3:
        return skipped("fewer than three waits without a hint from the server, from the first attempt on")
    settled = gaps[1:]  # the first wait holds what the client does only once, such as loading certificates
    if max(settled) < _NO_WAIT_SECONDS:
        return failed(f"it came back at once, {len(gaps)} times")
    if max(settled) < min(settled) * (1.0 + _ALIKE):
        return failed(f"the waits are all alike ({_listed(gaps)}): they neither grow nor differ between clients")
    if len(settled) >= 3 and all(b < 0.9 * a for a, b in pairwise(settled)):
        return failed(f"the waits do not grow, they shrink ({_listed(gaps)})")
    steps = [b - a for a, b in pairwise(settled)]
    if len(steps) >= 3 and all(abs(b - 2.0 * a) < _EXACT * abs(b) + _NOISE_SECONDS for a, b in pairwise(steps)):
        return failed(f"the waits double exactly ({_listed(gaps)}): without jitter all clients come back together")
    return PASSED


def _is_refused(attempt: Attempt) -> bool:
    """Whether it got an error status and no word on when to come back."""
    reply = attempt.replied
    return reply is not None and reply.status >= _ERROR_STATUS and "retry-after" not in reply.headers


def _listed(gaps: list[float]) -> str:
    return ", ".join(f"{gap:.2f} s" for gap in gaps)
