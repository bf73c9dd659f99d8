from __future__ import annotations

from fake_server.text import read
from harness.history import Case
from harness.law import law
from harness.model import Outcome
from harness.verdict import PASSED, Ruling, failed, skipped, unknown


@law("SP02", rank=3)
def terminal_required(case: Case) -> Ruling:
    """No answer is called complete unless the server ended it.

    The end of an answer is a ``stop_reason`` or ``message_stop`` that really went over the wire (or a whole JSON
    message). The end of the body is not: proxies, load balancers and platforms end bodies politely in the middle of a
    sentence.
    """
    finished = case.finished
    if finished is None or finished.outcome is not Outcome.COMPLETE:
        return skipped("the client does not call its answer complete")
    if any(attempt.response.terminal for attempt in case.attempts):
        return PASSED
    if not all(attempt.whole for attempt in case.attempts):
        return unknown("not all bytes that were sent are in the history")
    share = read(case.final_text, case.info.texts[0]).share if any(case.info.texts) else 1.0
    if share == 1.0:
        return failed("nothing had said that this was the end of the answer, and the call returned as if it were")
    return failed(f"the user saw {share:.0%} of the answer, and the call returned as if it were whole")
