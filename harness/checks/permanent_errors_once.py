from __future__ import annotations

from harness.history import Case
from harness.law import law, too_late
from harness.verdict import PASSED, Ruling, failed, skipped, unknown

_LATE_SECONDS = 0.3


@law("SP11", rank=10)
def permanent_errors_once(case: Case) -> Ruling:
    """A request that would be refused again is made once.

    400, 401, 403, 404, 413 and a refusal by the model do not get better by asking again; it costs time, money and the
    account.
    """
    if not case.info.expect.permanent:
        return skipped("the error may pass")
    made = len(case.attempts)
    if made <= 1:
        return PASSED
    if late := too_late(case, _LATE_SECONDS):
        return unknown(f"{late}: the client may have had no answer in time, and asked again for that")
    return failed(f"the same request was made {made} times although the answer cannot change")
