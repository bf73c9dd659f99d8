from __future__ import annotations

from harness.history import Case
from harness.law import law
from harness.model import Capability
from harness.verdict import PASSED, Ruling, failed, skipped

_SLACK_SECONDS = 1.0


@law("SP15", rank=7, tolerates=0.3)
def dead_stream_is_left(case: Case) -> Ruling:
    """A stream that is dead is left within the client's own deadline.

    From the last sign of content to the client's close no more time passes than its limits allow, pings or not. Who has
    no limit for that promises none: the API may ping for as long as it likes.
    """
    if not case.can(Capability.PROGRESS):
        return skipped("the client has no limit for a stream that only pings")
    if not case.info.expect.stalls:
        return skipped("no stream of this scenario dies")
    limits = case.info.limits
    patience = max(limits.first_byte, limits.idle, limits.progress)
    for attempt in case.attempts:
        if attempt.ended is None or not attempt.struck:
            continue
        strike = attempt.struck[-1].t
        content = (one.t for one in attempt.sent if one.t > strike and one.event not in (None, "ping"))
        waited = next(content, attempt.ended.t) - strike
        if waited > patience + _SLACK_SECONDS:
            return failed(f"a stream without content was held for {waited:.1f} s where {patience:g} s were the limit")
    return PASSED
