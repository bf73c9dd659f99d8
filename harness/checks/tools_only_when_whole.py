from __future__ import annotations

import json
from collections import Counter

from harness.history import Case
from harness.law import law
from harness.model import Capability, Outcome, ToolUse
from harness.verdict import PASSED, Ruling, failed, skipped


@law("SP06", rank=2)
def tools_only_when_whole(case: Case) -> Ruling:
    """A tool call is handed over only when it is whole, and exactly as the model made it.

    An input is whole when its block has stopped and the turn ended normally. A truncated input that was "repaired"
    into a smaller valid object is another call than the model wanted: a file written without its content, a payment
    without its limit. A call that is carried out must be whole as well, and is carried out once.
    """
    if not case.can(Capability.TOOLS):
        return skipped("the client does not return tool calls")
    finished = case.finished
    if finished is None:
        return skipped("the call did not end by itself")
    if case.wire_lies:
        return skipped(case.wire_lies)
    expected = case.info.expect.tools if finished.outcome is Outcome.COMPLETE else ()
    wanted, got = [_exact(call) for call in expected], [_exact(call) for call in finished.tools]
    if too_much := Counter(map(_exact, case.ran)) - Counter(wanted):
        return failed(f"the call ended {finished.outcome}, and a tool was run that should not be: {min(too_much)}")
    if got == wanted:
        return PASSED
    told = (attempt.told_to_the_lenient for attempt in case.attempts)
    made = {_exact(ToolUse(name, given)) for one in told for name, given in one.tools}
    if stray := next((call for call in got if call not in wanted), None):
        if finished.outcome is not Outcome.COMPLETE:
            return failed(f"the call ended {finished.outcome} and holds a tool call all the same: {stray}")
        if stray in made:
            return failed(f"a tool call was handed over, and the turn that made it never ended: {stray}")
        return failed(f"a tool call was handed over that the model did not make: {stray}")
    missing = set(wanted) - set(got)
    is_answered = bool(case.attempts) and case.attempts[-1].is_answer
    if missing and not missing & made and not is_answered:
        return skipped("the calls that are missing never came whole, and neither did the answer")
    return failed(f"the model made the tool calls {wanted} and these were handed over: {got}")


def _exact(call: ToolUse) -> str:
    """A call as text in which ``1``, ``1.0`` and ``true`` differ."""
    return f"{call.name}({json.dumps(call.input, sort_keys=True, ensure_ascii=False)})"
