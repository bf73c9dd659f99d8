"""Runs cases in virtual time and on sockets, and says of a difference whether it is a matter of time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from live.running import is_late

from fake_server.position import AfterSeconds as InTheReply
from fake_server.record import Ended, Requested, Struck
from harness import catalog, engine
from harness.events import CaseFinished
from harness.history import Record
from harness.network import DOWN, AfterEvents, AfterReply, AfterSeconds, Lasting, NetworkFault
from harness.plan import Plan, PlannedCase
from harness.sim import runner
from harness.sim.agreement import difference
from harness.toxiproxy.events import Left, Opened, Stopped
from harness.toxiproxy.events import Struck as NetworkStruck

JOBS = 96
LATE_SECONDS = 0.1
"""What was later than that on this machine is played again, by itself."""
_SHORT_MILLISECONDS = 200
"""What a change of the network, a request and an answer take on sockets, on a busy machine."""
_AT_THE_END = ("message_delta", "message_stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """A case in both tiers."""

    case: PlannedCase
    simulated: CaseFinished
    live: CaseFinished

    @property
    def difference(self) -> str:
        return difference(self.simulated, self.live)

    @property
    def told(self) -> str:
        return f"{self.case.id}: {self.difference} ({self.case.scenario.title})"


def simulated(case: PlannedCase) -> CaseFinished:
    return engine.finished(runner.run(case), catalog.laws())


def on_sockets(cases: Iterable[PlannedCase]) -> dict[str, CaseFinished]:
    """Results by the case's id."""

    async def consume() -> dict[str, CaseFinished]:
        plan = Plan(cases=tuple(cases), seed="", jobs=JOBS)
        return {one.case: one async for one in engine.run(plan, catalog.laws()) if isinstance(one, CaseFinished)}

    return asyncio.run(consume())


def in_both_tiers(cases: Iterable[PlannedCase]) -> list[Both]:
    """Each case in virtual time, and all at once on sockets."""
    first = {case.id: (case, simulated(case)) for case in cases}
    live = on_sockets(case for case, _ in first.values())
    found = {name: Both(case=case, simulated=one, live=live[name]) for name, (case, one) in first.items()}
    again = [one for one in found.values() if one.difference and is_late(one.live, LATE_SECONDS)]
    for name, result in on_sockets(one.case for one in again).items() if again else ():
        found[name] = Both(case=found[name].case, simulated=found[name].simulated, live=result)
    return list(found.values())


# ---- what a clock decides on sockets ---------------------------------------------------------------------------------


def is_a_matter_of_time(both: Both) -> bool:
    """Whether a difference between the tiers is one of four races, which sockets decide by how long things take there,
    or one of bytes.

    1. A fault begins, ends or acts at a moment that a clock tells: until then a case on sockets has come less far.
    2. A client leaves a reply: the server writes on until it notices, and may meet what follows in its script.
    3. The network changes when the answer is over: the client that has it may be gone before the change is made.
    4. A request that the network has held up reaches the server beside the one that was sent in its place.
    5. The network cuts or changes requests at some byte, and on sockets their heads are longer.
    """
    one, two = both.simulated.record, both.live.record
    if one is None or two is None:
        return False
    return (
        by_a_clock(both.case)
        or _left(one) != _left(two)
        or changes_at_the_end(both.case)
        or any(map(_is_of_request_bytes, _faults(both.case)))
        or _was_held_up(one)
        or _was_held_up(two)
    )


def by_a_clock(case: PlannedCase) -> bool:
    return any(map(_is_timed, _faults(case))) or any(
        isinstance(getattr(fault, "at", None), InTheReply)
        for step in case.scenario.script.steps
        for fault in getattr(step, "faults", ())
    )


def _is_timed(fault: NetworkFault) -> bool:
    waits = (fault.attributes.get(name, 0) for name in ("timeout", "delay", "latency", "jitter", "time"))
    is_told = isinstance(fault.begins, AfterSeconds) or isinstance(fault.ends, AfterSeconds | Lasting)
    return is_told or any(0 < one < _SHORT_MILLISECONDS for one in waits)


def _is_of_request_bytes(fault: NetworkFault) -> bool:
    return fault.stream == "upstream" and fault.type in ("corrupt", "limit_data")


def changes_at_the_end(case: PlannedCase) -> bool:
    moments = [moment for fault in _faults(case) for moment in (fault.begins, fault.ends)]
    return any(
        isinstance(one, AfterReply) or (isinstance(one, AfterEvents) and one.name in _AT_THE_END) for one in moments
    )


def _faults(case: PlannedCase) -> tuple[NetworkFault, ...]:
    return case.scenario.network.faults if case.scenario.network is not None else ()


def _left(record: Record) -> dict[int, tuple[int, list[str]]]:
    """Replies that the client has left: their bytes, and the faults that had struck in them, until the server noticed.

    A few bytes more may be the end of the answer, behind which no fault needs to strike.
    """
    left = {one.attempt: one.total for one in record.server if isinstance(one, Ended) and one.how == "peer_closed"}
    struck = [one for one in record.server if isinstance(one, Struck)]
    return {number: (total, [one.fault for one in struck if one.attempt == number]) for number, total in left.items()}


def _was_held_up(record: Record) -> bool:
    """Whether a request reached the server after its client had closed the connection."""
    opened = {one.local: one.connection for one in record.network if isinstance(one, Opened)}
    closed = {one.connection: one.at for one in record.network if isinstance(one, Left) and one.side == "client"}
    asked = (one for one in record.server if isinstance(one, Requested))
    return any(closed.get(opened.get(one.peer, 0), float("inf")) < one.t for one in asked)


def kinds_that_struck(result: CaseFinished) -> Iterator[str]:
    """Names of the faults of replies, and types of the toxics, that did something."""
    assert result.record is not None
    for one in result.record.server:
        if isinstance(one, Struck):
            yield one.fault
    for other in result.record.network:
        if isinstance(other, NetworkStruck):
            yield other.toxic.partition(f"_{other.stream}")[0]
        elif isinstance(other, Stopped):
            yield DOWN
