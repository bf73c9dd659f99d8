"""Carries effects out: the only module that writes to a connection.

Each effect is recorded as it is performed, also those that share a write. A client that leaves cancels the performance,
and that is recorded too.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Protocol, assert_never

from fake_server.clock import Clock
from fake_server.effects import Close, Effect, End, Last, Mark, Reset, Send, Stall, Wait
from fake_server.record import KEPT_BYTES, Ended, Hold, Replied, Requested, Sent, ServerRecord, Sink, Struck, Waited
from fake_server.wire import Head
from fake_server.writes import Outgoing, deeds_of

_LINGER_ZERO = struct.pack("ii", 1, 0)
_YIELD_EVERY = 48
"""Writes between two turns of the event loop, so that a long burst starves nobody."""


class Connection(Protocol):
    """The little of a transport that effects need."""

    def write(self, data: bytes) -> None:
        """Write, or keep for later what the peer does not take yet. Raises ConnectionError when the peer is gone."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether so much is kept for later that nothing more should be written."""
        ...

    async def drained(self) -> None:
        """Wait until it is not full any more. Raises ConnectionError when the peer is gone."""
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

    Those that :mod:`fake_server.writes` puts together share a write, unless somebody may want the server to
    wait after each. Effects that are still on their way, from another server, come from an asynchronous iterable, and
    are written one by one as they come.

    Raises:
        asyncio.CancelledError: when the client left or the case was abandoned; recorded before it is passed on.
    """
    performance = _Performance(connection, clock, log)
    try:
        if isinstance(effects, AsyncIterable):
            how = await performance.of_those_to_come(effects)
        else:
            how = await performance.of(effects)
    except (asyncio.CancelledError, ConnectionError) as gone:
        log.left_alone()
        if isinstance(gone, asyncio.CancelledError):
            raise
        return log.left
    await log.ended(how)
    return how


class _Performance:
    """One reply on its way out."""

    def __init__(self, connection: Connection, clock: Clock, log: Log) -> None:
        self._connection, self._clock, self._log = connection, clock, log
        self._due = float("-inf")
        """When the last wait should have been over."""

    async def of(self, effects: Iterable[Effect]) -> str:
        """Perform them; returns how the reply ended."""
        may_hold, writes = self._log.may_hold, 0
        for deed in deeds_of(effects, one_by_one=may_hold):
            if isinstance(deed, Outgoing):
                last = self._write(deed)
                writes += len(deed.writes)
                if may_hold or self._connection.is_full:
                    await self._let(last)
            elif isinstance(deed, Wait):
                await self._clock.sleep(self._left_of(deed))
                self._log.waited(deed.seconds)
            elif how := await self._do(deed):
                return how
            if writes >= _YIELD_EVERY:
                await asyncio.sleep(0)
                writes = 0
        return self._broken_off()

    async def of_those_to_come(self, effects: AsyncIterable[Effect]) -> str:
        """The same with effects that have to be waited for."""
        async for effect in effects:
            if isinstance(effect, Send):
                await self._let(self._write(Outgoing([effect], [effect.data])))
            elif isinstance(effect, Wait):
                await self._clock.sleep(self._left_of(effect))
                self._log.waited(effect.seconds)
            elif how := await self._do(effect):
                return how
        return self._broken_off()

    def _broken_off(self) -> str:
        self._connection.close()
        return "close"

    async def _do(self, deed: Mark | Last) -> str:
        """Perform what is neither; returns how the reply ended, or nothing when it goes on."""
        match deed:
            case Mark(fault, note):
                self._log.struck(fault, note)
            case Stall():
                await asyncio.get_running_loop().create_future()
            case End():
                return "end"
            case Close():
                return self._broken_off()
            case Reset():
                self._connection.reset()
                return "reset"
            case _:
                assert_never(deed)
        return ""

    def _write(self, out: Outgoing) -> Sent:
        """Recorded as soon as it is handed over: while the server waits for the peer, that can read all of it."""
        t, done = self._log.t, 0
        try:
            for data in out.writes:
                self._connection.write(data)
                done += 1
        except ConnectionError:
            if done:
                self._log.sent(out.sends[:done], t)
            raise
        return self._log.sent(out.sends, t)

    async def _let(self, last: Sent) -> None:
        """Let the peer read, and whoever follows the records do what he wants before the server goes on."""
        if self._connection.is_full:
            await self._connection.drained()
        await self._log.held(last)

    def _left_of(self, wait: Wait) -> float:
        """How long to wait now. A pace that is more than a whole wait behind begins anew."""
        now = self._clock.now()
        since = self._due if wait.steady and now - self._due < wait.seconds else now
        self._due = since + wait.seconds
        return self._due - now


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
        return ((self._clock.now() - self._start) * 1e6 + 0.5) // 1 / 1e6  # round() takes longer than all the rest

    @property
    def may_hold(self) -> bool:
        """Whether somebody follows the records who may want the server to wait."""
        return self._hold is not None

    async def held(self, record: ServerRecord) -> None:
        """Wait as long as whoever follows the records wants the server to."""
        if self._hold is not None:
            await self._hold(record)

    async def note(self, record: ServerRecord) -> None:
        """Record it, and wait as long as is wanted."""
        self._sink(record)
        await self.held(record)

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

    def sent(self, sends: Sequence[Send], t: float) -> Sent:
        """Record what was written at ``t``, each by itself; returns the record of the last. There is at least one."""
        attempt, total, sink = self.attempt, self._total, self._sink
        for send in sends:
            size = len(send.data)
            total += size
            kept = send.data if size <= KEPT_BYTES else send.data[:KEPT_BYTES]
            record = Sent(t=t, attempt=attempt, data=kept, size=size, total=total, event=send.event)
            sink(record)
        self._total = total
        return record

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
