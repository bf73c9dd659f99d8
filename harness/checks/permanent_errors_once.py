from __future__ import annotations

from harness.history import Case
from harness.law import law
from harness.verdict import PASSED, Ruling, failed, skipped


@law("SP11", rank=10, tolerates=0.3)
def permanent_errors_once(case: Case) -> Ruling:
    """A request that would be refused again is made once.

    400, 401, 403, 404, 413 and a refusal by the model do not get better by asking again; it costs time, money and the
    account.
    """
    if not case.info.expect.permanent:
        return skipped("the error may pass")
    made = len(case.attempts)
    return PASSED if made <= 1 else failed(f"the same request was made {made} times although the answer cannot change")
