"""The scripted server in virtual time: it answers what the live one answers, effect by effect. Pure.

Sources for what an HTTP server does around the effects: RFC 9112 §9.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from fake_server.effects import Close, Effect, End, Mark, Reset, Send, Stall, Wait
from fake_server.exchange import Asked, Conversation
from fake_server.record import KEPT_BYTES, Ended, Sent, ServerRecord, Struck, Waited
from fake_server.wire import Head, UntilClose
from harness.sim.agenda import EPOCH, Agenda
from harness.sim.line import EndOfLine
from harness.sim.request import RequestReader

Hold = Callable[[ServerRecord, Callable[[], None]], bool]
"""Told of each request, write and end. When it returns True the server waits until it is called back."""
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
"""The HTTP library's own answer to what is no request; no script is asked, and nothing recorded."""
_BURST_BYTES = 1 << 18
"""Written before others get their turn in the same moment."""


class SimServer:
    """Serves one case.

    Args:
        conversation: what it says.
        sink: takes its records.
        hold: lets it wait while the network changes.
        wall: seconds since the epoch, for the dates that it sends; :data:`~harness.sim.agenda.EPOCH` and virtual time
            when there is none.
    """

    def __init__(
        self,
        conversation: Conversation,
        agenda: Agenda,
        sink: Callable[[ServerRecord], None],
        hold: Hold | None = None,
        wall: Callable[[], float] | None = None,
    ) -> None:
        self.conversation, self.agenda, self.sink, self.hold = conversation, agenda, sink, hold
        self.wall = wall or (lambda: EPOCH + agenda.now())
        self._running: set[Serving] = set()

    @property
    def is_busy(self) -> bool:
        """Whether a reply is being performed."""
        return bool(self._running)

    def accept(self, end: EndOfLine, peer: str) -> Serving:
        """Serve a new connection."""
        serving = Serving(self, end, peer)
        end.owner = serving
        return serving

    def abandon(self) -> None:
        """Stop every reply that is still being performed, and record it."""
        for serving in sorted(self._running, key=lambda one: one.attempt):
            serving.leave("abandoned")

    def begun(self, serving: Serving) -> None:
        """A reply is being performed."""
        self._running.add(serving)

    def over(self, serving: Serving) -> None:
        """It is not any more."""
        self._running.discard(serving)


class Serving:
    """One connection, and the reply that is being performed on it."""

    def __init__(self, server: SimServer, end: EndOfLine, peer: str) -> None:
        self._server, self._end, self.peer = server, end, peer
        self._reader = RequestReader(peer)
        self._waiting: list[Asked] = []
        self._asked: Asked | None = None
        self._head: Head | None = None
        self._effects: Iterator[Effect] = iter(())
        self._total = 0
        self.attempt = 0

    # ---- what comes from the client

    def received(self, data: list[bytes]) -> None:
        """Bytes of requests."""
        try:
            for asked in self._reader.take(b"".join(data)):
                self.ask(asked)
        except ValueError:
            self._end.send(_BAD_REQUEST)
            self._end.close()

    def ended(self) -> None:
        """The client has closed."""
        self.leave("peer_closed")
        self._end.close()

    def broken(self) -> None:
        """The client has reset the connection."""
        self.ended()

    def ask(self, asked: Asked) -> None:
        """A whole request has come; it is answered when those before it are."""
        if self._asked is not None:
            self._waiting.append(asked)
            return
        self._asked, self._total = asked, 0
        self._server.conversation.requests += 1
        self.attempt = self._server.conversation.requests
        self._server.begun(self)
        self._note(self._server.conversation.requested(asked, t=self._t, attempt=self.attempt), self._answer)

    # ---- the reply

    def _answer(self) -> None:
        if self._asked is None:
            return
        replied, self._head, effects = self._server.conversation.answer(
            self._asked, t=self._t, attempt=self.attempt, wall=self._server.wall()
        )
        self._effects = iter(effects)
        self._server.sink(replied)
        self._go()

    def _go(self) -> None:
        """Perform effects until one takes time, or is the last."""
        written = 0
        while self._asked is not None:
            effect = next(self._effects, Close())
            match effect:
                case Send(data, event):
                    written += len(data)
                    if self._sent(data, event):
                        return
                case Mark(fault, note):
                    self._server.sink(
                        Struck(t=self._t, attempt=self.attempt, fault=fault, note=note, total=self._total)
                    )
                case Wait(seconds):
                    self._later(seconds, partial(self._waited, seconds))
                    return
                case Stall():
                    return
                case _:
                    self._finish(effect)
                    return
            if written > _BURST_BYTES:
                self._later(0.0, self._go)
                return

    def _sent(self, data: bytes, event: str | None) -> bool:
        """Write; returns whether the server must wait."""
        self._end.send(data)
        self._total += len(data)
        sent = Sent(
            t=self._t, attempt=self.attempt, data=data[:KEPT_BYTES], size=len(data), total=self._total, event=event
        )
        self._server.sink(sent)
        attempt = self.attempt
        hold = self._server.hold
        return hold is not None and hold(sent, lambda: self._go() if self.attempt == attempt else None)

    def _waited(self, seconds: float) -> None:
        self._server.sink(Waited(t=self._t, attempt=self.attempt, seconds=seconds))
        self._go()

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        attempt = self.attempt
        agenda = self._server.agenda
        agenda.at(agenda.now() + seconds, lambda: do() if self._asked is not None and self.attempt == attempt else None)

    def _finish(self, effect: End | Close | Reset) -> None:
        how = {End: "end", Close: "close", Reset: "reset"}[type(effect)]
        if how == "reset":
            self._end.reset()
        elif how == "close":
            self._end.close()
        self._note(self._over(how), lambda: self._after(how))

    def _after(self, how: str) -> None:
        """The connection serves the next request, or is closed where that is the end of the body.

        A client that says ``connection: close`` closes it itself: so does the live server.
        """
        if how == "end" and isinstance(self._head and self._head.framing, UntilClose):
            self._end.close()
        elif how == "end" and self._waiting:
            self.ask(self._waiting.pop(0))

    def _over(self, how: str) -> Ended:
        self._asked = None
        self._server.over(self)
        return Ended(t=self._t, attempt=self.attempt, how=how, total=self._total)

    def leave(self, how: str) -> None:
        """Perform nothing any more, and record why."""
        if self._asked is not None:
            self._server.sink(self._over(how))

    def _note(self, record: ServerRecord, go_on: Callable[[], None]) -> None:
        """Record it, and go on, now or when the hold is over."""
        self._server.sink(record)
        if self._server.hold is None or not self._server.hold(record, go_on):
            go_on()

    @property
    def _t(self) -> float:
        return round(self._server.agenda.now(), 6)
