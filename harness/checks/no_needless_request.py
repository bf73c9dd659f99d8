from __future__ import annotations

from harness.history import Case
from harness.law import law
from harness.verdict import PASSED, Ruling, failed, skipped


@law("SP18", rank=12, tolerates=0.3)
def no_needless_request(case: Case) -> Ruling:
    """Nothing is asked for again once it was delivered whole.

    After a reply with the end of the answer in it, a further request throws a good answer away, pays for it twice, or
    (an SSE library that reconnects by itself) shows it twice. A turn that paused is not over.
    """
    if case.is_held_up:
        return skipped("the network has held requests up: the server saw them late, perhaps in another order")
    for attempt in case.attempts:
        if attempt.response.stop_reason == "pause_turn":
            continue
        if attempt.response.terminal and attempt.response.error_kind is None and attempt.number < len(case.attempts):
            if case.info.expect.may_fail and (case.is_counted or not attempt.is_answer):
                return skipped("what came with the end of the answer may have been damaged")
            return failed(
                f"answer {attempt.number} was whole and the client asked again ({len(case.attempts)} requests)"
            )
    return PASSED
