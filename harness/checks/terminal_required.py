from __future__ import annotations

from fake_server.text import read
from harness.history import Case
from harness.law import law
from harness.model import Capability, Outcome
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
    decisive = case.attempts if case.is_held_up else case.attempts[-1:]
    if not case.attempts or any(attempt.response.terminal for attempt in decisive):
        return PASSED if case.attempts else unknown("the server saw no request")
    if not all(attempt.whole for attempt in case.attempts):
        return unknown("not all bytes that were sent are in the history")
    told = "and was told that it was whole"
    if case.can(Capability.OUTCOMES):
        told = "and no exception; only a stop_reason of None tells" if finished.stop_reason is None else told
    share = read(case.final_text, case.info.texts[0]).share if any(case.info.texts) else 1.0
    if share == 1.0:
        return failed(f"no event had said that this was the end; the user got what was there {told}")
    return failed(f"the user saw {share:.0%} of the answer {told}" if share else f"the user saw no answer {told}")
