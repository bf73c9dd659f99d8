from __future__ import annotations

from harness.history import Case
from harness.law import law
from harness.verdict import PASSED, Ruling, failed


@law("SP01", rank=1, tolerates=2.0)
def settles(case: Case) -> Ruling:
    """Every call ends.

    Within the time to settle that its scenario declares, a call gives an answer or an error. A client that is still
    waiting then would leave its user before a spinner, for minutes or for ever.
    """
    late = case.timed_out
    if late is None:
        return PASSED
    seen = f"{len(case.displayed)} characters on the screen" if case.displayed else "nothing on the screen"
    return failed(f"the user was still waiting after {case.info.limits.settle:g} s, with {seen} and no error")
