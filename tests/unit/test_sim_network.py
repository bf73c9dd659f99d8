"""What the simulated network does at its edges, where few drawn cases come."""

from __future__ import annotations

from random import Random
from typing import Any

from unit.test_sim_parts import ASKED

from fake_server.answer import Answer
from fake_server.exchange import Conversation
from fake_server.record import Ended, Requested, ServerRecord
from fake_server.script import script
from harness.network import AfterSeconds, AtAttempt, network, toxic
from harness.sim.agenda import VirtualAgenda
from harness.sim.line import EndOfLine
from harness.sim.network import SimNetwork
from harness.sim.server import SimServer
from harness.toxiproxy.events import Closed, Struck


class Reader:
    """A client that reads all that comes, and remembers how it ended."""

    def __init__(self) -> None:
        self.end = ""

    def received(self, data: list[bytes]) -> None:
        pass

    def ended(self) -> None:
        self.end = "end"

    def broken(self) -> None:
        self.end = "reset"


class Connected:
    """A client that has sent a request through such a network, to a server that answers slowly."""

    def __init__(self, *faults: Any) -> None:
        self.agenda, self.reader = VirtualAgenda(), Reader()
        self.server_saw: list[ServerRecord] = []
        conversation = Conversation(script=script(Answer(sentences=1, pace=0.2)), seed="1")
        server = SimServer(conversation, self.agenda, self.server_saw.append)
        self.network = SimNetwork(network(*faults), server, self.agenda, "1", Random(0))
        server.hold = self.network.follow
        self.network.begin()
        end = self.network.connect()
        assert end is not None
        self.end: EndOfLine = end
        self.end.owner = self.reader
        self.end.send(ASKED)

    def until(self, seconds: float) -> None:
        self.agenda.run(lambda: False, seconds)

    def records(self, kind: type[Any]) -> list[Any]:
        return [one for one in self.network.records if isinstance(one, kind)]


def test_a_connection_that_the_client_resets_is_over_on_both_sides() -> None:
    made = Connected()
    made.agenda.at(0.5, made.end.reset)
    made.until(60)
    assert [one.how for one in made.server_saw if isinstance(one, Ended)] == ["peer_closed"]
    assert [one.how for one in made.records(Closed)] == ["client"]


def test_a_toxic_that_comes_to_a_direction_that_is_over_does_nothing_to_it() -> None:
    """The client has left, and what it was to be sent is still held."""
    made = Connected(toxic("latency", latency=5000), toxic("reset_now", stream="upstream", begins=AfterSeconds(3)))
    made.agenda.at(0.5, made.end.close)
    made.until(60)
    assert [one.toxic for one in made.records(Struck)] == ["latency_downstream"]
    assert [(one.how, one.at > 3) for one in made.records(Closed)] == [("client", True)]


def test_a_request_is_not_answered_when_a_change_of_the_network_has_ended_its_connection_first() -> None:
    made = Connected(toxic("reset_now", begins=AtAttempt(1)))
    made.until(60)
    assert made.reader.end == "reset"
    assert [type(one) for one in made.server_saw] == [Requested, Ended]
