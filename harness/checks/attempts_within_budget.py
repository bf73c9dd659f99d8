from __future__ import annotations

from harness.history import Case
from harness.law import law
from harness.verdict import PASSED, Ruling, failed


@law("SP10", rank=10)
def attempts_within_budget(case: Case) -> Ruling:
    """A call makes no more requests than it was allowed.

    Counted by the server, whatever layers of retry there are in the client: nested layers multiply exactly when the
    API is overloaded. A turn that paused is gone on with by one request more.
    """
    pauses = sum(attempt.response.stop_reason == "pause_turn" for attempt in case.attempts)
    made, allowed = len(case.attempts), case.info.max_attempts + pauses
    if made <= allowed:
        return PASSED
    return failed(f"{made} requests were made for one answer where {allowed} are allowed")
