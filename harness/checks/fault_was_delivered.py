from __future__ import annotations

from harness.history import Case
from harness.law import law
from harness.model import Endpoint
from harness.verdict import PASSED, Ruling, unknown


@law("SP22", rank=20)
def fault_was_delivered(case: Case) -> Ruling:
    """The fault of the scenario really reached the client; otherwise nothing is proven and the case is UNKNOWN.

    The first reply that has faults must have performed all of them: each left its mark in the history, with the count
    of bytes before it, and the reply went on to some end after it. Surviving a fault that never happened is no merit.
    """
    if case.info.endpoint is Endpoint.REFUSED:
        return PASSED
    if not case.attempts:
        return unknown("the client never made a request")
    faulty = next((one for one in case.attempts if one.replied is not None and one.replied.faults), None)
    if faulty is None or faulty.replied is None:
        return PASSED
    struck = {record.fault for record in faulty.struck}
    missing = [name for name in faulty.replied.faults if name not in struck]
    if missing:
        total = faulty.sent[-1].total if faulty.sent else 0
        return unknown(f"{', '.join(missing)} never struck: the reply was over after {total} bytes")
    return PASSED if faulty.ended is not None else unknown("the reply with the fault never came to an end")
