from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fake_server.record import Sent
from harness.delivery import proven
from harness.history import Case
from harness.law import DELIVERY, law
from harness.model import Endpoint, Finished, Noticed
from harness.receiver import ReceiverInfo
from harness.verdict import PASSED, Ruling, unknown


@law(DELIVERY, rank=20)
def fault_was_delivered(case: Case) -> Ruling:
    """The fault of the scenario really reached the client; otherwise nothing is proven and the case is UNKNOWN.

    The reply of the script's first step must have performed all of its faults: each left its mark in the history, with
    the count of bytes before it, and the reply went on to some end after it. Of several of one kind the first is enough
    to make a client leave. Every toxic that was due did its work on a connection of the case, as the network's record
    tells, and every fault of the receiver struck a call. Surviving a fault that never happened is no merit. But what
    comes after the end of the answer cannot reach a client that left at that end, as it may. All of this holds for the
    calls before, too, where the same client had made some.
    """
    for earlier in case.before:
        if (ruling := _delivered(earlier)) is not PASSED:
            return unknown(f"in an earlier call, {earlier.info.scenario}: {ruling.harm}")
    return _delivered(case)


def _delivered(case: Case) -> Ruling:
    if case.network_failure is not None:
        return unknown(f"the network could not be set up: {case.network_failure.why}")
    written = sum(record.size for record in case.server if isinstance(record, Sent))
    idle = sorted(case.info.toxics.keys() - proven(case.network, case.info.toxics, written, _complained(case)))
    if idle:
        return unknown(f"{', '.join(idle)} did its work on no connection of this case")
    if case.info.receiver is not None and (spared := _spared(case, case.info.receiver)):
        return unknown(f"the receiver's fault never struck: {', '.join(spared)}")
    if case.info.endpoint is not Endpoint.SERVER or (case.info.toxics and not _answered(case)):
        return PASSED
    return _by_the_server(case)


def _spared(case: Case, receiver: ReceiverInfo) -> list[str]:
    """The planned faults of the receiver that no call met."""
    return sorted(set(receiver.faults) - {call.fault for call in case.calls})


def _complained(case: Case) -> float:
    """When the client first said that something was wrong; infinity when it never did."""
    complaints = (one.t for one in case.client if isinstance(one, Noticed) or (isinstance(one, Finished) and one.error))
    return min(complaints, default=float("inf"))


def _answered(case: Case) -> bool:
    return any(one.replied is not None for one in case.attempts)


def _by_the_server(case: Case) -> Ruling:
    if not case.attempts:
        return unknown("the client never made a request")
    first = next((one for one in case.attempts if one.replied is not None and one.replied.step == 1), None)
    if first is None:
        problem = next((one.replied.problem for one in case.attempts if one.replied is not None), None)
        return unknown(f"every request was refused before the scenario could begin: {problem}")
    has_left = first.ended is not None and first.ended.how == "peer_closed"
    missing = _missing(case.info.faults, [record.fault for record in first.struck], has_left=has_left)
    if missing and not first.requested.streams:
        return unknown(f"the client asked for no stream, so {', '.join(missing)} could not strike")
    if missing and first.response.terminal and has_left:
        return PASSED
    if missing:
        total = first.sent[-1].total if first.sent else 0
        over = "the client left" if has_left else "the reply was over"
        return unknown(f"{', '.join(missing)} never struck: {over} after {total} bytes")
    return PASSED if first.ended is not None else unknown("the first reply never came to an end")


def _missing(planned: Iterable[str], struck: list[str], *, has_left: bool) -> list[str]:
    """The faults that never struck; of several of one kind, the first is enough to make a client leave."""
    missing, met = Counter(planned) - Counter(struck), set(struck)
    return [name for name in missing.elements() if not (has_left and name in met)]
