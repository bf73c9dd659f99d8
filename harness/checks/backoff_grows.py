from __future__ import annotations

from itertools import pairwise

from harness.history import Case
from harness.law import law
from harness.model import Capability
from harness.verdict import PASSED, Ruling, failed, skipped

_ERROR_STATUS = 400
_SAME = 0.01
"""Two ratios of waits that differ by less than this part are taken for equal."""


@law("SP13", rank=11)
def backoff_grows(case: Case) -> Ruling:
    """Waits between attempts grow, and they are not the same for every client.

    The second wait is longer than the first and none is shorter than it; and waits that double exactly, time after time, have no jitter: all
    clients that failed together come back together. Jitter is judged from three waits on.
    """
    if not case.can(Capability.RETRIES):
        return skipped("the client does not retry")
    refused = [one for one in case.attempts if one.replied is not None and one.replied.status >= _ERROR_STATUS]
    if len(refused) < 3 or any("retry-after" in one.replied.headers for one in refused if one.replied is not None):
        return skipped("fewer than two waits without a hint from the server")
    gaps = [after.requested.t - (before.over_at or 0.0) for before, after in pairwise(refused)]
    if gaps[1] <= gaps[0] * 1.1 or min(gaps) < gaps[0] * 0.95:
        return failed(f"the waits between attempts do not grow: {_listed(gaps)}")
    ratios = [b / a for a, b in pairwise(gaps)]
    if len(ratios) >= 2 and all(abs(ratio / 2.0 - 1.0) < _SAME for ratio in ratios):
        return failed(f"the waits double exactly ({_listed(gaps)}): without jitter all clients come back together")
    return PASSED


def _listed(gaps: list[float]) -> str:
    return ", ".join(f"{gap:.2f} s" for gap in gaps)
