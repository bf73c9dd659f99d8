"""One connection through a proxy: two sockets, a link in each direction, and nothing else that touches them.

Sockets are raw and non-blocking: what a toxic emits is one ``send``, and closing means closing now. As in Toxiproxy the
end of one direction closes the whole socket behind it, a RST from a peer is passed on as a FIN, and a close with unread
data becomes a RST by the kernel's own hand.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from harness.toxiproxy.common import ROOM_BYTES, Common, now
from harness.toxiproxy.events import Carried, Closed, EventLog, Left, Side, Struck
from harness.toxiproxy.link import Dice, Link
from harness.toxiproxy.pipe import CHUNK_BYTES, FOREVER
from harness.toxiproxy.toxic import Installed, Stream

_LINGER_ZERO = struct.pack("ii", 1, 0)
_READS_PER_TURN = 4
_WRITES_PER_TURN = 64
"""Of one direction, before others get their turn of the event loop."""

_SOURCE: dict[Stream, Side] = {"upstream": "client", "downstream": "server"}
_OTHER: dict[Stream, Stream] = {"upstream": "downstream", "downstream": "upstream"}


class Connection:
    """Two sockets and the links between them."""

    def __init__(
        self,
        proxy: str,
        number: int,
        client: socket.socket,
        server: socket.socket,
        log: EventLog,
        common: Common,
        over: Callable[[Connection], None],
    ) -> None:
        self.proxy, self.number = proxy, number
        self._sockets = (client, server)
        self._log = log
        self._over: Callable[[Connection], None] | None = over
        self._how = ""
        self._pumps: dict[Stream, _Pump] = {
            "upstream": _Pump(self, "upstream", client, server, common),
            "downstream": _Pump(self, "downstream", server, client, common),
        }

    def start(self) -> None:
        """Let data flow."""
        for pump in self._pumps.values():
            pump.turn()

    def traffic(self, stream: Stream) -> tuple[int, int]:
        """Bytes read from the source of that direction, and written to its destination."""
        pump = self._pumps[stream]
        return pump.link.received, pump.sent

    def add(self, installed: Installed, dice: Dice) -> None:
        """A toxic comes."""
        pump = self._pumps[installed.stream]
        if not pump.done:
            pump.link.add(installed, dice, now())
            pump.later()

    def update(self, installed: Installed) -> None:
        """A toxic changes."""
        self._pumps[installed.stream].link.update(installed, now())
        self._pumps[installed.stream].later()

    def remove(self, installed: Installed) -> None:
        """A toxic goes."""
        self._pumps[installed.stream].link.remove(installed.name, now())
        self._pumps[installed.stream].later()

    def stop(self) -> None:
        """Close both sides now; what is under way is lost."""
        self.finish("stopped")

    def struck(self, stream: Stream, installed: Installed, passed: int, note: str) -> None:
        """A toxic says that it did its work."""
        self._log.add(
            Struck(
                at=now(),
                proxy=self.proxy,
                connection=self.number,
                toxic=installed.name,
                stream=stream,
                passed=passed,
                note=note,
            )
        )

    def carried(self, stream: Stream, data: bytes | memoryview, count: int) -> None:
        """The first ``count`` bytes were written; worth an event only when somebody looks on."""
        if self._log.carries:
            part = bytes(data[:count])
            self._log.add(Carried(at=now(), proxy=self.proxy, connection=self.number, stream=stream, data=part))

    def gone(self, stream: Stream) -> None:
        """The source of that direction has closed its half; in the other direction somebody may wait for that."""
        self._log.add(Left(at=now(), proxy=self.proxy, connection=self.number, side=_SOURCE[stream]))
        other = self._pumps[_OTHER[stream]]
        other.link.peer_gone(now())
        other.later()

    def ended(self, stream: Stream) -> None:
        """One direction is over: the whole socket behind it closes, so the other direction has no source any more."""
        pump, other = self._pumps[stream], self._pumps[_OTHER[stream]]
        self._how = self._how or pump.reason()
        if other.done:
            self.finish(self._how)
        else:
            other.link.peer_gone(now())
            other.close_source()

    def lost(self, stream: Stream) -> None:
        """The destination of that direction is gone: the other one ends and closes the source, unless a toxic minds."""
        self._how = self._how or self._pumps[stream].reason()
        self._pumps[_OTHER[stream]].close_source()

    def finish(self, how: str) -> None:
        """Close whatever is open and report it, once; ``reset`` closes with RST."""
        if self._over is None:
            return
        over, self._over = self._over, None
        for pump in self._pumps.values():
            pump.stop()
        for sock in self._sockets:
            if how == "reset" and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            sock.close()
        up_received, up_sent = self.traffic("upstream")
        down_received, down_sent = self.traffic("downstream")
        self._log.add(
            Closed(
                at=now(),
                proxy=self.proxy,
                connection=self.number,
                how=how,
                upstream_received=up_received,
                upstream_sent=up_sent,
                downstream_received=down_received,
                downstream_sent=down_sent,
            )
        )
        over(self)
        self._free()

    def _free(self) -> None:
        """Cut what refers to itself: the garbage collector's pauses would delay all other connections."""
        for pump in self._pumps.values():
            pump.link.free()
        self._pumps = {}


class _Pump:
    """Moves the bytes of one direction: from its source into the link, and from the link to its destination."""

    def __init__(
        self, owner: Connection, stream: Stream, source: socket.socket, destination: socket.socket, common: Common
    ) -> None:
        self.stream = stream
        self.link = Link(lambda toxic, passed, note: owner.struck(stream, toxic, passed, note))
        self.sent = 0
        self.done = self._lost = False
        self._owner = owner
        self._source, self._destination = source, destination
        self._source_number, self._destination_number = source.fileno(), destination.fileno()
        self._common = common
        self._loop = asyncio.get_running_loop()
        self._pending: bytes | memoryview | None = None
        self._reading = self._writing = False
        self._wakes = FOREVER
        self._soon: asyncio.Handle | None = None

    def turn(self) -> None:
        """Do all that can be done now, then wait for what is missing: input, room or time."""
        if self.done:
            return
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        self.link.advance(now())
        self._write()
        self._wait()

    def _wait(self) -> None:
        """For what is missing, now that all is done that could be."""
        if self._is_free and self._reading and not self._writing:
            return  # for what was waited for before
        if self.link.reset:
            self._owner.finish("reset")
        elif not self.done:
            self._settle()

    def later(self) -> None:
        """Take a turn soon; for callers in the middle of something."""
        if self._soon is None and not self.done:
            self._soon = self._loop.call_soon(self.turn)

    def reason(self) -> str:
        """Why this direction is over; see :class:`~harness.toxiproxy.events.Closed`."""
        if self.link.cut:
            return "toxic"
        return _SOURCE[self.stream if self.link.source_ended else _OTHER[self.stream]]

    def close_source(self) -> None:
        """Close what is read from, because the other direction is over; what is under way still goes out."""
        self._stop_reading()
        self._source.close()
        if self._lost:
            self._end()
            return
        if not self.link.source_ended:
            self.link.end(now())
        self.turn()

    def stop(self) -> None:
        """Touch nothing any more."""
        self.done = True
        self._stop_reading()
        self._stop_writing()
        self._wake_at(FOREVER)
        if self._soon is not None:
            self._soon.cancel()

    def _readable(self) -> None:
        for _ in range(_READS_PER_TURN):
            if self.done or not self._read():
                break
        else:
            self._loop.call_soon(self._readable)
        self._wait()

    def _read(self) -> bool:
        """Read once, and write what may go out; returns whether there may be more, an end included."""
        passes = self._is_free
        if not passes and not self.link.wants_input:
            return False
        room = self._common.room
        try:
            count = self._source.recv_into(room, ROOM_BYTES if passes else CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            count = 0  # a RST is the end like any other
        if count and passes:
            self._pass(room[:count])
            return True
        if count:
            self.link.feed(bytes(room[:count]), now())
        else:
            self.link.end(now())
            self._owner.gone(self.stream)
        self._write()
        return not (self._common.is_asyncio and 0 < count < CHUNK_BYTES)

    @property
    def _is_free(self) -> bool:
        """Whether what is read goes straight on: no toxic is to see it, and nothing stands before it."""
        return self._pending is None and self.link.is_clear

    def _pass(self, data: memoryview) -> None:
        """Write what no toxic is to see; what does not go out at once is kept."""
        self.link.pass_by(len(data))
        if not self._lost:
            self._pending = data
            self._send(data)
        if self._pending is not None:
            self._pending = bytes(self._pending)

    def _write(self) -> None:
        if self._lost:
            self._pending = None
        while self._lost and self.link.take(now()) is not None:
            pass
        for _ in range(_WRITES_PER_TURN):
            if self._pending is None:
                self._pending = self.link.take(now())
            if self._pending is None or not self._send(self._pending):
                return
        self.later()

    def _send(self, data: bytes | memoryview) -> bool:
        """Write once what is pending; returns whether there was room for any of it."""
        try:
            count = self._destination.send(data)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            self._lose()
            return False
        self.sent += count
        self._owner.carried(self.stream, data, count)
        self._pending = memoryview(data)[count:] if count < len(data) else None
        return True

    def _settle(self) -> None:
        if self.link.ended and self._pending is None:
            self._end()
            return
        if self.link.wants_input:
            self._start_reading()
        else:
            self._stop_reading()
        if self._pending is not None:
            self._start_writing()
        else:
            self._stop_writing()
        self._wake_at(self.link.wakes)

    def _lose(self) -> None:
        """Nobody takes the data any more. While their source is open it is read on, so that its end is seen."""
        if self.link.source_ended:
            self._end()
            return
        self._lost, self._pending = True, None
        self._stop_writing()
        self._owner.lost(self.stream)

    def _end(self) -> None:
        self.stop()
        self._owner.ended(self.stream)

    def due(self) -> None:
        """The moment has come that the link waits for."""
        self._wakes = FOREVER
        self.turn()

    def _wake_at(self, moment: float) -> None:
        if moment != self._wakes:
            if self._wakes != FOREVER:
                self._common.let_sleep(self._wakes, self)
            if moment != FOREVER:
                self._common.wake_at(moment, self)
            self._wakes = moment

    def _start_reading(self) -> None:
        if not self._reading:
            self._reading = True
            self._loop.add_reader(self._source_number, self._readable)

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._source_number)

    def _start_writing(self) -> None:
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self._destination_number, self.turn)

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._destination_number)
