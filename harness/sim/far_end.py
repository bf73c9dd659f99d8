"""What a simulated client talks to: the server of one case, and the network before it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from fake_server.exchange import Conversation
from fake_server.record import ServerRecord
from harness.job import token_of
from harness.model import Endpoint
from harness.network import NetworkRecord
from harness.plan import PlannedCase
from harness.sim.agenda import Agenda
from harness.sim.line import EndOfLine, connect
from harness.sim.network import SimNetwork
from harness.sim.server import Serving, SimServer

HOST = "sim"


class FarEnd:
    """Serves one case, and notes what it sees.

    Args:
        wall: seconds since the epoch, as :class:`~harness.sim.server.SimServer` takes them.
    """

    def __init__(self, case: PlannedCase, agenda: Agenda, wall: Callable[[], float] | None = None) -> None:
        scenario = case.scenario
        self.chance = Random(f"{case.text_seed}/sim")
        self.url = f"http://{HOST}/case/{token_of(case)}"
        self.seen: list[ServerRecord] = []
        self._agenda = agenda
        self._refuses = scenario.endpoint is Endpoint.REFUSED
        self.is_silent = scenario.endpoint is Endpoint.SILENT
        """Whether no attempt to connect is answered."""
        self._connections = 0
        conversation = Conversation(script=scenario.script, elsewhere=scenario.elsewhere, seed=case.text_seed)
        self._server = SimServer(conversation, agenda, self.seen.append, wall=wall)
        self._network: SimNetwork | None = None
        if scenario.network is not None:
            self._network = SimNetwork(scenario.network, self._server, agenda, case.text_seed, self.chance)
            self._server.hold = self._network.follow
            self._network.begin()

    def dial(self) -> tuple[EndOfLine, Serving | None] | None:
        """A new connection, and who serves it when there is no network between; None when nobody takes it."""
        if self._refuses:
            return None
        if self._network is not None:
            end = self._network.connect()
            return None if end is None else (end, None)
        self._connections += 1
        end, server = connect(self._agenda, self.chance)
        return end, self._server.accept(server, f"{HOST}:{self._connections}")

    @property
    def is_quiet(self) -> bool:
        """Whether no reply is being performed and no client has a connection open to the network."""
        return not self._server.is_busy and (self._network is None or self._network.is_quiet)

    def end(self) -> tuple[NetworkRecord, ...]:
        """Stop whatever goes on; returns all that happened in the network."""
        network = self._network.end() if self._network is not None else ()
        self._server.abandon()
        return network
