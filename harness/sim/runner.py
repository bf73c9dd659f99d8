"""Runs planned cases in virtual time and returns the histories that the live runner would return.

A client that is a state machine is fed by hand; any other one runs as it is, on an event loop in virtual time.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any, Protocol, TypeGuard, runtime_checkable

import msgspec

from client_under_test.events import Event
from client_under_test.policy import Limits
from client_under_test.session import Session
from client_under_test.signals import Open
from client_under_test.transport import request_of
from fake_server.dialect import Dialect
from harness.adapter import Adapter, dialect_of, runs_in_memory
from harness.history import Record
from harness.job import job_of
from harness.model import Cancelled, ClientRecord, Finished, Job, Observed, Shown, TimedOut
from harness.plan import PlannedCase
from harness.sim import inmemory
from harness.sim.agenda import VirtualAgenda
from harness.sim.call import REFUSED, SimCall, Untaken
from harness.sim.far_end import HOST, FarEnd
from harness.sim.line import EndOfLine
from harness.sim.request import asked, request_bytes


@runtime_checkable
class Simulated(Protocol):
    """An adapter whose client is a state machine."""

    def session(self, job: Job) -> Session:
        """The state machine that makes the call."""
        ...

    def observation(self, event: Event) -> Observed | None:
        """What the caller sees of an event of that state machine."""
        ...

    def failure(self, error: Exception) -> Observed:
        """What the caller sees when that state machine raises."""
        ...


def cannot_search(adapter: Adapter) -> str:
    """Why no case can be drawn for this client and run in virtual time; empty when it can."""
    if not _is_simulated(adapter) and not runs_in_memory(adapter):
        return f"{adapter.name} can only be run on sockets, and a search needs a simulation"
    if dialect_of(adapter) is not Dialect.ANTHROPIC:
        return f"{adapter.name} speaks {dialect_of(adapter)}, and cases are drawn in the Messages API alone"
    return ""


def not_possible(case: PlannedCase) -> str:
    """Why this case cannot be simulated; empty when it can."""
    if _is_simulated(case.adapter):
        return inmemory.only_live(case)
    return inmemory.not_possible(case)


def run(case: PlannedCase) -> Record:
    """Run ``case`` to its end, or to its time limit, and return the history of all sides.

    Raises:
        TypeError: it cannot be simulated; ask :func:`not_possible` first.
    """
    if why := not_possible(case):
        raise TypeError(why)
    if _is_simulated(case.adapter):
        return _Simulation(case, case.adapter).run()
    return inmemory.run(case)


def _is_simulated(adapter: Adapter) -> TypeGuard[Simulated]:
    return _has_session(type(adapter))


@cache
def _has_session(kind: type[Any]) -> bool:
    """Asked of each class once: protocols are slow to look through."""
    return issubclass(kind, Simulated)


class _Simulation:
    """One case of a state machine."""

    def __init__(self, case: PlannedCase, adapter: Simulated) -> None:
        self._case = case
        self._agenda = VirtualAgenda()
        self._far = FarEnd(case, self._agenda)
        self._seen: list[ClientRecord] = []
        self._shown = 0
        self._adapter = adapter
        session = adapter.session(job_of(case, self._far.url))
        self._call = SimCall(session, self._agenda, self, self, self._far.chance)

    def run(self) -> Record:
        limits, agenda, call = self._case.scenario.limits, self._agenda, self._call
        call.start()
        agenda.run(lambda: call.is_over, limits.settle)
        if not call.is_over:
            self._note(TimedOut())
            call.cancel()
        agenda.run(lambda: self._far.is_quiet, agenda.now() + limits.close)
        network = self._far.end()
        return Record(info=self._case.info(), server=tuple(self._far.seen), client=tuple(self._seen), network=network)

    def open(self, opening: Open) -> EndOfLine | Untaken:
        """Send a request on a new connection, if somebody takes it."""
        if self._far.is_silent:
            return Untaken(self._case.scenario.limits.connect, "timed out")
        sent = request_of(opening, _LIMITS, reuse=False)
        path = sent["url"].removeprefix(f"http://{HOST}")
        headers = {"host": HOST, **sent["headers"], "content-length": str(len(sent["content"]))}
        dialed = self._far.dial()
        if dialed is None:
            return REFUSED
        end, serving = dialed
        if serving is None:
            end.send(request_bytes(path, headers, sent["content"]))
        else:
            request = asked("POST", path, headers, sent["content"], serving.peer)
            self._agenda.at(self._agenda.now(), partial(serving.ask, request))
        return end

    def see(self, event: Event) -> None:
        """Note what the caller sees; who has seen enough, leaves."""
        observed = self._adapter.observation(event)
        if observed is None:
            return
        self._note(observed)
        self._shown += len(observed.text) if isinstance(observed, Shown) else 0
        limit = self._case.scenario.cancel_after
        if limit is not None and self._shown >= limit and not isinstance(observed, Finished):
            self._note(Cancelled())
            self._call.cancel()

    def catch(self, error: Exception) -> None:
        """Note what the caller sees of it."""
        self._note(self._adapter.failure(error))

    def _note(self, record: ClientRecord) -> None:
        self._seen.append(msgspec.structs.replace(record, t=round(self._agenda.now(), 6)))


_LIMITS = Limits()
"""Of the HTTP library's own timers, which a simulation has none of."""
