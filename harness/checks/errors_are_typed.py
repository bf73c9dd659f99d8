from __future__ import annotations

from harness.history import Case
from harness.law import law
from harness.model import Outcome, Policy
from harness.verdict import PASSED, Ruling, failed, skipped


@law("SP08", rank=9)
def errors_are_typed(case: Case) -> Ruling:
    """A call that fails raises an error of the client's own, so that one ``except`` clause catches every fault.

    An exception that leaks from a lower layer (an HTTP library, a JSON parser, an assertion) passes by the handler
    that the application wrote, and takes the process down.
    """
    finished = case.finished
    if finished is None or finished.outcome not in (Outcome.INCOMPLETE, Outcome.FAILED):
        return skipped("the call did not fail")
    if finished.error is None:
        return failed(f"the call ended {finished.outcome} and no error says why")
    if case.info.policy is Policy.BEST_EFFORT or finished.error.typed:
        return PASSED
    return failed(f"the caller got a bare {finished.error.name}, which the client's own error class does not catch")
