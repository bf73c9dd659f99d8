from __future__ import annotations

from harness.history import Case
from harness.law import law
from harness.model import Capability, Outcome
from harness.verdict import PASSED, Ruling, failed, skipped


@law("SP20", rank=14)
def usage_is_the_last(case: Case) -> Ruling:
    """Usage is what the API counted last: cumulative values replace, they are never added.

    The API repeats input and cache tokens at the end of a stream, and counts on while server tools run. A client that
    adds what replaces bills its user twice; one that keeps the first value bills too little. Unknown is not zero.
    """
    finished, expected = case.finished, case.info.expect.usage
    if not expected or not case.can(Capability.USAGE):
        return skipped("the scenario or the client says nothing about usage")
    if finished is None or finished.outcome is not Outcome.COMPLETE:
        return skipped("the call did not complete")
    usage = finished.usage or {}
    wrong = {name: usage.get(name) for name, value in expected.items() if usage.get(name) != value}
    return PASSED if not wrong else failed(f"usage was reported as {wrong} where the API counted {expected}")
