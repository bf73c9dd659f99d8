"""One call of the bundled client in virtual time: its session, and a driver without sockets or event loop. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Protocol, assert_never

from client_under_test.errors import ConnectionFailed
from client_under_test.events import Event
from client_under_test.session import Session, State
from client_under_test.signals import (
    CancelRequested,
    Deliver,
    Drop,
    Input,
    Open,
    Started,
    TimerFired,
    TransportFailed,
    WakeAt,
)
from harness.sim.agenda import Agenda
from harness.sim.line import EndOfLine
from harness.sim.response import ResponseReader

_AFTER = 1e-6
"""Seconds by which the timer is late, as all timers are: what comes at the very moment of a deadline comes in time."""


@dataclass(frozen=True, slots=True)
class Untaken:
    """A connection that is not made."""

    after: float
    """Seconds after which the client knows."""
    why: str


REFUSED = Untaken(0.0, "refused")


class Wire(Protocol):
    """Where requests go."""

    def open(self, opening: Open) -> EndOfLine | Untaken:
        """Send a request on a new connection, if somebody takes it."""
        ...


class Caller(Protocol):
    """Who makes the call."""

    def see(self, event: Event) -> None:
        """An event came."""
        ...

    def catch(self, error: Exception) -> None:
        """The session itself broke, which ends the call: a bug of the client, which its caller would get, too."""
        ...


class SimCall:
    """Drives a session, as the real drivers do.

    Args:
        session: the state machine.
        caller: is given what it says.
        chance: of how reads are cut.
    """

    def __init__(self, session: Session, agenda: Agenda, wire: Wire, caller: Caller, chance: Random) -> None:
        self._session, self._agenda, self._wire, self._caller, self._chance = session, agenda, wire, caller, chance
        self._wake: float | None = None
        self._alarm: float | None = None
        """When the agenda will come back; it is not told of every change."""
        self._exchange: Exchange | None = None
        self._opening: Open | None = None
        """What no connection could be made for, as long as the session waits for it."""
        self._is_left = False

    @property
    def is_over(self) -> bool:
        """Whether the session has come to its end."""
        return self._is_left or self._session.state is State.DONE

    def start(self) -> None:
        """Begin."""
        self.feed(Started())

    def cancel(self) -> None:
        """The caller has left: the connection is closed, and nobody sees what follows."""
        if not self._is_left:
            self._is_left = True  # also of an end that is there and that nobody has been given yet
            self._session.handle(CancelRequested(), self._agenda.now())
            self._drop()

    def feed(self, happened: Input) -> None:
        """Give the session what happened; then its timer, if that is due."""
        self._handle(happened)
        if self._wake is not None and self._wake + _AFTER <= self._agenda.now():
            self._handle(TimerFired())
        self._set_alarm()

    def _handle(self, happened: Input) -> None:
        if self.is_over:
            return
        try:
            actions = self._session.handle(happened, self._agenda.now())
        except Exception as error:  # noqa: BLE001 - whatever it is
            self._is_left = True
            self._drop()
            self._caller.catch(error)
            return
        for action in actions:
            if self._is_left:
                return
            match action:
                case Deliver(event):
                    self._caller.see(event)
                case WakeAt(at):
                    self._wake = at
                case Open():
                    self._open(action)
                case Drop():
                    self._drop()
                case _:
                    assert_never(action)

    def _open(self, opening: Open) -> None:
        end = self._wire.open(opening)
        if isinstance(end, Untaken):
            self._opening = opening
            self._agenda.at(self._agenda.now() + end.after, partial(self._untaken, opening, end.why))
        else:
            self._exchange = Exchange(self, end, ResponseReader(self._agenda.now, self._chance))

    def _untaken(self, opening: Open, why: str) -> None:
        if self._opening is opening:
            self._opening = None
            self.feed(TransportFailed(ConnectionFailed(f"no connection could be made ({why})")))

    def _drop(self) -> None:
        exchange, self._exchange, self._opening = self._exchange, None, None
        if exchange is not None:
            exchange.close()

    def _set_alarm(self) -> None:
        wake = self._wake
        if wake is None or (self._alarm is not None and self._alarm <= wake) or self.is_over:
            return
        self._alarm = wake
        self._agenda.at(wake + _AFTER, partial(self._ring, wake))

    def _ring(self, at: float) -> None:
        if self._alarm != at or self.is_over:
            return
        self._alarm = None
        if self._wake is not None and self._wake <= self._agenda.now():
            self._handle(TimerFired())
        self._set_alarm()


class Exchange:
    """One request and the response to it, on the client's end of a line."""

    def __init__(self, call: SimCall, end: EndOfLine, reader: ResponseReader) -> None:
        self._call, self._end, self._reader = call, end, reader
        self._is_open = True
        end.owner = self

    def received(self, data: list[bytes]) -> None:
        """Bytes of the response."""
        self._feed(self._reader.take(data))

    def ended(self) -> None:
        """The server has closed."""
        self._feed(self._reader.end())

    def broken(self) -> None:
        """The connection was reset."""
        self._feed(self._reader.broken())

    def close(self) -> None:
        """The session has no more use for it."""
        self._is_open = False
        self._end.close()

    def _feed(self, inputs: Any) -> None:
        for happened in inputs:
            if not self._is_open:
                return
            self._call.feed(happened)
