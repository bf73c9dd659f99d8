from __future__ import annotations

from harness.history import Case
from harness.law import law
from harness.model import Capability, Outcome
from harness.verdict import PASSED, Ruling, failed, skipped


@law("SP06", rank=2)
def tools_only_when_whole(case: Case) -> Ruling:
    """A tool call is handed over only when it is whole, and exactly as the model made it.

    An input is whole when its block has stopped and the turn ended normally. A truncated input that was "repaired"
    into a smaller valid object is another call than the model wanted: a file written without its content, a payment
    without its limit.
    """
    if not case.can(Capability.TOOLS):
        return skipped("the client does not return tool calls")
    finished = case.finished
    if finished is None:
        return skipped("the call did not end by itself")
    expected = case.info.expect.tools if finished.outcome is Outcome.COMPLETE else ()
    stray = [call for call in finished.tools if call not in expected]
    if stray:
        how = "a different one" if expected else "one that the model had not finished"
        return failed(f"a tool call was handed over to be run, {how}: {stray[0].name}({stray[0].input})")
    if finished.outcome is Outcome.COMPLETE and finished.tools != expected:
        return failed(f"{len(expected)} tool calls were made by the model and {len(finished.tools)} were handed over")
    return PASSED
