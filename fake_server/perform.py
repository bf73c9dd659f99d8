"""Carries effects out: the only module that writes to a connection.

Each effect is recorded as it is performed. A client that leaves cancels the performance, and that is recorded too.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterable, Iterable
from typing import Protocol, assert_never

from fake_server.clock import Clock
from fake_server.effects import Close, Effect, End, Mark, Reset, Send, Stall, Wait
from fake_server.record import KEPT_BYTES, Ended, Hold, Replied, Requested, Sent, ServerRecord, Sink, Struck, Waited
from fake_server.wire import Head

_LINGER_ZERO = struct.pack("ii", 1, 0)
_YIELD_EVERY = 64
"""Effects between two turns of the event loop, so that a long burst starves nobody."""


class Connection(Protocol):
    """The little of a transport that effects need."""

    async def write(self, data: bytes) -> None:
        """Write; waits while the peer does not read. Raises ConnectionError when the peer is gone."""
        ...

    def close(self) -> None:
        """Flush and send FIN."""
        ...

    def reset(self) -> None:
        """Send RST, dropping what is not sent yet."""
        ...


async def perform(
    effects: Iterable[Effect] | AsyncIterable[Effect], connection: Connection, clock: Clock, log: Log
) -> str:
    """Perform ``effects`` until one ends the reply; returns how it ended (see :class:`~fake_server.record.Ended`).

    Effects that are still on their way, from another server, come from an asynchronous iterable.

    Raises:
        asyncio.CancelledError: when the client left or the case was abandoned; recorded before it is passed on.
    """
    try:
        how = await _perform(effects, connection, clock, log)
    except (asyncio.CancelledError, ConnectionError) as gone:
        log.left_alone()
        if isinstance(gone, asyncio.CancelledError):
            raise
        return log.left
    await log.ended(how)
    return how


async def _perform(
    effects: Iterable[Effect] | AsyncIterable[Effect], connection: Connection, clock: Clock, log: Log
) -> str:
    if isinstance(effects, AsyncIterable):
        async for effect in effects:
            if how := await _do(effect, connection, clock, log):
                return how
    else:
        for number, effect in enumerate(effects):
            if number % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
            if how := await _do(effect, connection, clock, log):
                return how
    connection.close()
    return "close"


async def _do(effect: Effect, connection: Connection, clock: Clock, log: Log) -> str:
    """Perform one effect; returns how the reply ended, or nothing when it goes on."""
    match effect:
        case Send(data, event):
            await connection.write(data)
            await log.sent(data, event)
        case Wait(seconds):
            await clock.sleep(seconds)
            log.waited(seconds)
        case Mark(fault, note):
            log.struck(fault, note)
        case Stall():
            await asyncio.get_running_loop().create_future()
        case End():
            return "end"
        case Close():
            connection.close()
            return "close"
        case Reset():
            connection.reset()
            return "reset"
        case _:
            assert_never(effect)
    return ""


class Log:
    """Turns what is performed in one attempt into records."""

    def __init__(self, sink: Sink, clock: Clock, start: float, attempt: int, hold: Hold | None = None) -> None:
        self._sink, self._clock, self._start, self._hold = sink, clock, start, hold
        self.attempt = attempt
        self._total = 0
        self.left = "peer_closed"
        """What to record when the performance is cancelled; the server sets "abandoned" when it stops a case itself."""

    @property
    def t(self) -> float:
        """Seconds since the case began."""
        return round(self._clock.now() - self._start, 6)

    async def note(self, record: ServerRecord) -> None:
        """Record it, and wait as long as whoever follows the records wants the server to."""
        self._sink(record)
        if self._hold is not None:
            await self._hold(record)

    async def requested(self, record: Requested) -> None:
        """Record a request; when the client leaves before it is answered, that is its end."""
        try:
            await self.note(record)
        except asyncio.CancelledError:
            self.left_alone()
            raise

    def replied(self, head: Head, faults: list[str]) -> None:
        """Record that a reply begins that is no script's."""
        headers = dict(head.headers)
        self._sink(Replied(t=self.t, attempt=self.attempt, step=0, status=head.status, headers=headers, faults=faults))

    async def sent(self, data: bytes, event: str | None) -> None:
        """Record bytes written."""
        self._total += len(data)
        kept = data[:KEPT_BYTES]
        await self.note(Sent(t=self.t, attempt=self.attempt, data=kept, size=len(data), total=self._total, event=event))

    def waited(self, seconds: float) -> None:
        """Record a silence that is over."""
        self._sink(Waited(t=self.t, attempt=self.attempt, seconds=seconds))

    def struck(self, fault: str, note: str) -> None:
        """Record that a fault strikes here."""
        self._sink(Struck(t=self.t, attempt=self.attempt, fault=fault, note=note, total=self._total))

    async def ended(self, how: str) -> None:
        """Record the end of the reply."""
        await self.note(self._end(how))

    def left_alone(self) -> None:
        """Record that the client has left, or that the server gave up; nobody can be waited for any more."""
        self._sink(self._end(self.left))

    def _end(self, how: str) -> Ended:
        return Ended(t=self.t, attempt=self.attempt, how=how, total=self._total)


def reset_transport(transport: asyncio.Transport) -> None:
    """Close with RST: a zero linger time makes the kernel drop the connection instead of finishing it."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()
