from __future__ import annotations

from collections import Counter

from harness.history import Case
from harness.law import law
from harness.model import Endpoint
from harness.verdict import PASSED, Ruling, unknown


@law("SP22", rank=20)
def fault_was_delivered(case: Case) -> Ruling:
    """The fault of the scenario really reached the client; otherwise nothing is proven and the case is UNKNOWN.

    The reply of the script's first step must have performed all of its faults: each left its mark in the history, with
    the count of bytes before it, and the reply went on to some end after it. Surviving a fault that never happened is
    no merit.
    """
    if case.info.endpoint is Endpoint.REFUSED:
        return PASSED
    if not case.attempts:
        return unknown("the client never made a request")
    first = next((one for one in case.attempts if one.replied is not None and one.replied.step == 1), None)
    if first is None:
        problem = next((one.replied.problem for one in case.attempts if one.replied is not None), None)
        return unknown(f"every request was refused before the scenario could begin: {problem}")
    missing = list((Counter(case.info.faults) - Counter(record.fault for record in first.struck)).elements())
    if missing and not first.requested.streams:
        return unknown(f"the client asked for no stream, so {', '.join(missing)} could not strike")
    if missing:
        total = first.sent[-1].total if first.sent else 0
        return unknown(f"{', '.join(missing)} never struck: the reply was over after {total} bytes")
    return PASSED if first.ended is not None else unknown("the first reply never came to an end")
