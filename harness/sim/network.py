"""A Toxiproxy in virtual time: the same links and toxics as the live one, between two lines. Pure.

What a connection does with FIN and RST is what :mod:`harness.toxiproxy.connection` does with sockets; what is wrong
when is what :mod:`harness.nemesis` does through the API. A test compares both with this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from fake_server.record import ServerRecord
from harness.network import (
    ABANDONED,
    DOWN,
    AfterSeconds,
    AtStart,
    End,
    EventCounts,
    Lasting,
    Network,
    NetworkFault,
    NetworkRecord,
    When,
    count_event,
    is_due,
)
from harness.sim.agenda import Agenda
from harness.sim.line import EndOfLine, connect
from harness.sim.server import SimServer
from harness.toxiproxy.events import (
    Carried,
    Closed,
    Left,
    Opened,
    Side,
    Started,
    Stopped,
    Struck,
    ToxicAdded,
    ToxicRemoved,
)
from harness.toxiproxy.link import Dice, Link
from harness.toxiproxy.pipe import CHUNK_BYTES, FOREVER
from harness.toxiproxy.toxic import Installed, Stream, kinds

_SOURCE: dict[Stream, Side] = {"upstream": "client", "downstream": "server"}
_OTHER: dict[Stream, Stream] = {"upstream": "downstream", "downstream": "upstream"}
_CHANGE_SECONDS = 0.001
"""What a change of the network takes, at least."""


class SimNetwork:
    """The network of one case: a proxy in front of its server, and what its scenario does to it, when.

    Args:
        network: what is wrong.
        server: who is behind it.
        seed: of the toxics' dice.
        chance: of what a RST loses.
    """

    def __init__(self, network: Network, server: SimServer, agenda: Agenda, seed: str, chance: Random) -> None:
        self._server, self._agenda, self._seed, self._chance = server, agenda, seed, chance
        self._faults = list(network.named())
        self._waiting: list[tuple[When | End, str, NetworkFault, bool]] = []
        self._counts: EventCounts = Counter()
        self._toxics: list[Installed] = []
        self._met: Counter[str] = Counter()
        self._connections: dict[int, SimConnection] = {}
        self._accepted = 0
        self._is_up = True
        self.records: list[NetworkRecord] = []

    def begin(self) -> None:
        """Set the network up."""
        self.tell(Started, listen="sim")
        for name, fault in self._faults:
            if isinstance(fault.begins, AtStart):
                self._expect_end(name, fault, begins=True)
                self._apply(name, fault, begins=True)
            else:
                self._expect(fault.begins, name, fault, begins=True)

    def follow(self, record: ServerRecord, go_on: Callable[[], None]) -> bool:
        """The server has seen or sent this: change what is due, and let the server wait for it."""
        count_event(record, self._counts)
        due = [one for one in self._waiting if is_due(one[0], record, self._counts)]
        for one in due:
            self._waiting.remove(one)
            self._soon(partial(self._apply, *one[1:]))
            self._expect_end(*one[1:])
        if due:
            # What a change does to connections is done before the server goes on, as on sockets.
            self._agenda.at(self._agenda.now() + _CHANGE_SECONDS, go_on)
        return bool(due)

    def connect(self) -> EndOfLine | None:
        """A client connects; None when nobody listens."""
        if not self._is_up:
            return None
        client, inner = connect(self._agenda, self._chance)
        outer, server = connect(self._agenda, self._chance)
        self._accepted += 1
        number = self._accepted
        local = f"sim:{number}"
        self._server.accept(server, local)
        connection = SimConnection(self, number, inner, outer)
        self._connections[number] = connection
        self.tell(Opened, connection=number, client=f"client:{number}", local=local)
        for installed in self._toxics:
            self._join(installed, connection)
        connection.start()
        return client

    @property
    def is_quiet(self) -> bool:
        """Whether no client has a connection open."""
        return not any(one.is_open_for_client for one in self._connections.values())

    def end(self) -> tuple[NetworkRecord, ...]:
        """Take the proxy away; returns all that happened."""
        for connection in list(self._connections.values()):
            connection.finish(ABANDONED)
        return tuple(self.records)

    @property
    def agenda(self) -> Agenda:
        """Time."""
        return self._agenda

    def over(self, number: int) -> None:
        """A connection is closed."""
        del self._connections[number]

    def tell(self, event: type[Any], **fields: Any) -> None:
        """Write down what happened."""
        at = round(self._agenda.now(), 6)
        self.records.append(event(number=len(self.records), at=at, proxy="", **fields))

    # ---- what is wrong, and when

    def _soon(self, do: Callable[[], None]) -> None:
        self._agenda.at(self._agenda.now(), do)

    def _expect(self, when: When | End, name: str, fault: NetworkFault, begins: bool) -> None:
        if isinstance(when, AfterSeconds | Lasting):
            since = 0.0 if isinstance(when, AfterSeconds) else self._agenda.now()
            self._agenda.at(since + when.seconds, partial(self._change, name, fault, begins))
        else:
            self._waiting.append((when, name, fault, begins))

    def _expect_end(self, name: str, fault: NetworkFault, begins: bool) -> None:
        if begins and fault.ends is not None and not isinstance(fault.ends, Lasting):
            self._expect(fault.ends, name, fault, begins=False)

    def _change(self, name: str, fault: NetworkFault, begins: bool) -> None:
        self._expect_end(name, fault, begins)
        self._apply(name, fault, begins)

    def _apply(self, name: str, fault: NetworkFault, begins: bool) -> None:
        if fault.type == DOWN:
            self._switch(up=not begins)
        elif begins:
            self._add(_installed(name, fault))
        else:
            self._remove(name)
        if begins and isinstance(fault.ends, Lasting):
            self._expect(fault.ends, name, fault, begins=False)

    def _switch(self, *, up: bool) -> None:
        if up == self._is_up:
            return
        self._is_up = up
        if up:
            self.tell(Started, listen="sim")
            return
        for connection in list(self._connections.values()):
            connection.finish("stopped")
        self.tell(Stopped)

    def _add(self, installed: Installed) -> None:
        self._toxics.append(installed)
        for connection in self._connections.values():
            self._join(installed, connection)
        self.tell(ToxicAdded, toxic=installed.name, type=installed.type, stream=installed.stream)

    def _join(self, installed: Installed, connection: SimConnection) -> None:
        self._met[installed.name] += 1
        dice = Dice(seed=f"{self._seed}/{connection.number}", ordinal=self._met[installed.name])
        connection.add(installed, dice)

    def _remove(self, name: str) -> None:
        installed = next(one for one in self._toxics if one.name == name)
        self._toxics.remove(installed)
        for connection in list(self._connections.values()):
            connection.remove(installed)
        self.tell(ToxicRemoved, toxic=name)


def _installed(name: str, fault: NetworkFault) -> Installed:
    plain = Installed(name=name, type=fault.type, stream=fault.stream, toxic=kinds()[fault.type]())
    return plain.changed(fault.attributes, fault.toxicity)


class SimConnection:
    """One connection through the proxy: a link in each direction."""

    def __init__(self, network: SimNetwork, number: int, client: EndOfLine, server: EndOfLine) -> None:
        self.network, self.number = network, number
        self._how = ""
        self.is_open_for_client = True
        self._ends = (client, server)
        self._pumps: dict[Stream, _Pump] = {
            "upstream": _Pump(self, "upstream", client, server),
            "downstream": _Pump(self, "downstream", server, client),
        }

    def start(self) -> None:
        """Let data flow."""
        for pump in self._pumps.values():
            pump.turn()

    def add(self, installed: Installed, dice: Dice) -> None:
        """A toxic comes."""
        pump = self._pumps[installed.stream]
        pump.link.add(installed, dice, self.network.agenda.now())
        pump.later()

    def remove(self, installed: Installed) -> None:
        """A toxic goes."""
        pump = self._pumps[installed.stream]
        pump.link.remove(installed.name, self.network.agenda.now())
        pump.later()

    def tell(self, event: type[Any], **fields: Any) -> None:
        """Write down what happened on it."""
        self.network.tell(event, connection=self.number, **fields)

    def gone(self, stream: Stream) -> None:
        """The source of that direction has closed; in the other direction somebody may wait for that."""
        side = _SOURCE[stream]
        self.is_open_for_client = self.is_open_for_client and side != "client"
        self.tell(Left, side=side)
        other = self._pumps[_OTHER[stream]]
        other.link.peer_gone(self.network.agenda.now())
        other.later()

    def ended(self, stream: Stream) -> None:
        """One direction is over: the whole socket behind it closes."""
        pump, other = self._pumps[stream], self._pumps[_OTHER[stream]]
        self._how = self._how or pump.reason()
        if other.done:
            self.finish(self._how)
        else:
            other.link.peer_gone(self.network.agenda.now())
            other.close_source()

    def finish(self, how: str) -> None:
        """Close whatever is open and report it; ``reset`` closes with RST. No pump takes a turn after that."""
        self.is_open_for_client = False
        for pump in self._pumps.values():
            pump.done = True
        for end in self._ends:
            if how == "reset":
                end.reset()
            else:
                end.close()
        up, down = self._pumps["upstream"], self._pumps["downstream"]
        self.tell(
            Closed,
            how=how,
            upstream_received=up.link.received,
            upstream_sent=up.sent,
            downstream_received=down.link.received,
            downstream_sent=down.sent,
        )
        self.network.over(self.number)


class _Pump:
    """Moves the bytes of one direction: from its source into the link, and from the link to its destination."""

    def __init__(self, owner: SimConnection, stream: Stream, source: EndOfLine, destination: EndOfLine) -> None:
        self.stream: Stream = stream
        self.link = Link(self._struck)
        self.sent = 0
        self.done = False
        self._owner, self._source, self._destination = owner, source, destination
        self._agenda = owner.network.agenda
        self._read = bytearray()
        """What was read and the link has no room for."""
        self._wakes = FOREVER
        self._is_due = self._source_over = False
        source.owner = self

    # ---- from the source

    def received(self, data: list[bytes]) -> None:
        """Bytes came."""
        self._read += b"".join(data)
        self.turn()

    def ended(self) -> None:
        """The source has closed."""
        self._source_over = True
        self.turn()

    def broken(self) -> None:
        """A RST is the end like any other."""
        self.ended()

    # ---- through the link

    def turn(self) -> None:
        """Do all that can be done now, then wait for what is missing."""
        if self.done:
            return
        now = self._agenda.now()
        self.link.advance(now)
        self._write(now)
        while self.link.wants_input and self._read:
            piece = bytes(self._read[:CHUNK_BYTES])
            del self._read[: len(piece)]
            self.link.feed(piece, now)
            self._write(now)
        if self._source_over and not self._read and not self.link.source_ended:
            self.link.end(now)
            self._owner.gone(self.stream)
            self._write(now)
        self._wait()

    def later(self) -> None:
        """Take a turn soon."""
        self._agenda.at(self._agenda.now(), self.turn)

    def reason(self) -> str:
        """Why this direction is over."""
        if self.link.cut:
            return "toxic"
        return _SOURCE[self.stream if self.link.source_ended else _OTHER[self.stream]]

    def close_source(self) -> None:
        """Close what is read from, because the other direction is over; what is under way still goes out."""
        self._source.close()
        self._read.clear()
        if not self.link.source_ended:
            self.link.end(self._agenda.now())
        self.turn()

    def _write(self, now: float) -> None:
        while (data := self.link.take(now)) is not None:
            self._destination.send(data)
            self.sent += len(data)
            if self.stream == "downstream":
                self._owner.tell(Carried, stream=self.stream, data=data)

    def _wait(self) -> None:
        if self.link.reset:
            self._owner.finish("reset")
        elif self.link.ended:
            self.done = True
            self._owner.ended(self.stream)
        else:
            self._set_alarm()

    def _set_alarm(self) -> None:
        wakes = self.link.wakes
        if wakes != FOREVER and wakes != self._wakes:
            self._wakes = wakes
            self._agenda.at(wakes, partial(self._ring, wakes))

    def _ring(self, at: float) -> None:
        if self._wakes == at:
            self._wakes = FOREVER
            self.turn()

    def _struck(self, installed: Installed, passed: int, note: str) -> None:
        self._owner.tell(Struck, toxic=installed.name, stream=self.stream, passed=passed, note=note)
