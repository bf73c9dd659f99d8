"""Runs planned cases in virtual time and returns the histories that the live runner would return."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Protocol, runtime_checkable

import msgspec

from client_under_test.events import Event
from client_under_test.policy import Limits
from client_under_test.session import Session
from client_under_test.signals import Open
from client_under_test.transport import request_of
from fake_server.exchange import Conversation
from fake_server.record import ServerRecord
from harness.history import Record
from harness.job import job_of, token_of
from harness.model import Cancelled, ClientRecord, Endpoint, Finished, Job, Observed, Shown, TimedOut
from harness.plan import PlannedCase
from harness.sim.agenda import VirtualAgenda
from harness.sim.call import SimCall
from harness.sim.line import EndOfLine, connect
from harness.sim.network import SimNetwork
from harness.sim.request import asked, request_bytes
from harness.sim.server import SimServer

HOST = "sim"


@runtime_checkable
class Simulated(Protocol):
    """An adapter whose client is a state machine."""

    def session(self, job: Job) -> Session:
        """The state machine that makes the call."""
        ...

    def observation(self, event: Event) -> Observed | None:
        """What the caller sees of an event of that state machine."""
        ...


def not_possible(case: PlannedCase) -> str:
    """Why this case cannot be simulated; empty when it can."""
    if not isinstance(case.adapter, Simulated):
        return f"{case.adapter.name} is no state machine that could be simulated"
    if case.scenario.receiver is not None:
        return "sinks are programs of their own and need an event loop: run it live"
    return ""


def run(case: PlannedCase) -> Record:
    """Run ``case`` to its end, or to its time limit, and return the history of all sides.

    Raises:
        TypeError: it cannot be simulated; ask :func:`not_possible` first.
    """
    return _Simulation(case).run()


class _Simulation:
    """One case."""

    def __init__(self, case: PlannedCase) -> None:
        if why := not_possible(case):
            raise TypeError(why)
        self._case = case
        self._agenda = VirtualAgenda()
        self._chance = Random(f"{case.text_seed}/sim")
        self._server_records: list[ServerRecord] = []
        self._seen: list[ClientRecord] = []
        self._shown = 0
        self._connections = 0
        scenario = case.scenario
        conversation = Conversation(script=scenario.script, elsewhere=scenario.elsewhere, seed=case.text_seed)
        self._server = SimServer(conversation, self._agenda, self._server_records.append)
        self._network: SimNetwork | None = None
        if scenario.network is not None:
            self._network = SimNetwork(scenario.network, self._server, self._agenda, case.text_seed, self._chance)
            self._server.hold = self._network.follow
        assert isinstance(case.adapter, Simulated)
        self._observation: Callable[[Event], Observed | None] = case.adapter.observation
        job = job_of(case, f"http://{HOST}/case/{token_of(case)}")
        self._call = SimCall(case.adapter.session(job), self._agenda, self, self._see, self._chance)

    def run(self) -> Record:
        limits, agenda, call = self._case.scenario.limits, self._agenda, self._call
        if self._network is not None:
            self._network.begin()
        call.start()
        agenda.run(lambda: call.is_over, limits.settle)
        if not call.is_over:
            self._note(TimedOut())
            call.cancel()
        agenda.run(self._is_quiet, agenda.now() + limits.close)
        network = self._network.end() if self._network is not None else ()
        self._server.abandon()
        return Record(
            info=self._case.info(), server=tuple(self._server_records), client=tuple(self._seen), network=network
        )

    def open(self, opening: Open) -> EndOfLine | None:
        """Send a request on a new connection; None when nobody takes it."""
        if self._case.scenario.endpoint is Endpoint.REFUSED:
            return None
        sent = request_of(opening, _LIMITS, reuse=False)
        path = sent["url"].removeprefix(f"http://{HOST}")
        headers = {"host": HOST, **sent["headers"], "content-length": str(len(sent["content"]))}
        if self._network is not None:
            end = self._network.connect()
            if end is not None:
                end.send(request_bytes(path, headers, sent["content"]))
            return end
        self._connections += 1
        end, server = connect(self._agenda, self._chance)
        peer = f"{HOST}:{self._connections}"
        serving = self._server.accept(server, peer)
        request = asked("POST", path, headers, sent["content"], peer)
        self._agenda.at(self._agenda.now(), partial(serving.ask, request))
        return end

    def _is_quiet(self) -> bool:
        return not self._server.is_busy and (self._network is None or self._network.is_quiet)

    def _see(self, event: Event) -> None:
        observed = self._observation(event)
        if observed is None:
            return
        self._note(observed)
        self._shown += len(observed.text) if isinstance(observed, Shown) else 0
        limit = self._case.scenario.cancel_after
        if limit is not None and self._shown >= limit and not isinstance(observed, Finished):
            self._note(Cancelled())
            self._call.cancel()

    def _note(self, record: ClientRecord) -> None:
        self._seen.append(msgspec.structs.replace(record, t=round(self._agenda.now(), 6)))


_LIMITS = Limits()
"""Of the HTTP library's own timers, which a simulation has none of."""
