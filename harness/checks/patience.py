from __future__ import annotations

from harness.history import Case
from harness.law import law
from harness.verdict import PASSED, Ruling, failed, skipped


@law("SP16", rank=7, tolerates=0.3)
def patience(case: Case) -> Ruling:
    """A stream that is slow and alive is not killed.

    Long thinking, pings, a drip of tokens, a buffering proxy: as long as silences stay under the declared limits the
    client stays.
    """
    if not case.info.expect.healthy:
        return skipped("no stream of this scenario is slow and healthy")
    for attempt in case.attempts:
        killed = attempt.ended is not None and attempt.ended.how == "peer_closed" and not attempt.response.terminal
        if killed and attempt.ended is not None:
            return failed(f"a healthy stream was killed after {max(0.0, attempt.ended.t - attempt.requested.t):.1f} s")
    if len(case.attempts) > 1:
        return failed(f"a healthy stream was given up and asked for again ({len(case.attempts)} requests)")
    return PASSED
