"""A proxy: an address that listens, an address behind it, its toxics, and its live connections."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from harness.toxiproxy import address
from harness.toxiproxy.address import Address, AddressError
from harness.toxiproxy.common import Common
from harness.toxiproxy.connection import Connection
from harness.toxiproxy.events import (
    EventLog,
    Opened,
    Started,
    Stopped,
    ToxicAdded,
    ToxicRemoved,
    ToxicUpdated,
    Unreachable,
)
from harness.toxiproxy.link import Dice
from harness.toxiproxy.metrics import Series, Traffic
from harness.toxiproxy.toxic import STREAMS, Installed

CONNECT_SECONDS = 10.0
"""What a server behind a proxy has to answer a connection attempt."""
_ACCEPTS_PER_TURN = 16
_UNDER_WAY = {errno.EINPROGRESS, errno.EALREADY}
_PAUSE_SECONDS = 0.1
"""When this process has no more file descriptors."""


@dataclass(slots=True, eq=False)
class _Placed:
    """A toxic in this proxy and the number of connections it has met."""

    installed: Installed
    met: int = 0


class _Dial:
    """A client, and the connection to the server that is being made for it."""

    def __init__(self, number: int, client: socket.socket, peer: str) -> None:
        self.number, self.client, self.peer = number, client, peer
        self._server: socket.socket | None = None

    @property
    def server(self) -> socket.socket:
        """What it is connected with."""
        assert self._server is not None
        return self._server

    def reaches(self, target: Address) -> bool:
        """Whether ``target`` has answered already: on one machine the kernel is that quick.

        Raises:
            OSError: it refuses.
        """
        if self._server is None:
            self._server = socket.socket(target.family, socket.SOCK_STREAM)
            self._server.setblocking(False)
        for _ in range(2):  # to begin, and to see what came of it
            error = self._server.connect_ex((target.host, target.port))
            if error not in _UNDER_WAY:
                break
        if error and error != errno.EISCONN and error not in _UNDER_WAY:
            raise OSError(error, os.strerror(error))
        return error not in _UNDER_WAY

    async def reach(self, targets: Sequence[Address]) -> None:
        """Wait until one of them has answered; each is asked when the one before it has refused.

        Raises:
            OSError: the last one refuses.
        """
        *others, last = targets
        for target in others:
            with suppress(OSError):
                await self._reach(target)
                return
            self._hang_up()
        await self._reach(last)

    def close(self) -> None:
        """It came to nothing."""
        self.client.close()
        self._hang_up()

    async def _reach(self, target: Address) -> None:
        if not self.reaches(target):
            await asyncio.get_running_loop().sock_connect(self.server, (target.host, target.port))

    def _hang_up(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


class Proxy:
    """One proxy; its methods are called in the event loop that it lives in."""

    def __init__(
        self, name: str, listen: str, upstream: str, *, seed: str, log: EventLog, traffic: Traffic, common: Common
    ) -> None:
        self.name, self.listen, self.upstream = name, listen, upstream
        self.enabled = False
        self._traffic, self._common = traffic, common
        self._seed = seed
        self._log = log
        self._toxics: list[_Placed] = []
        self._connections: dict[int, Connection] = {}
        self._dialing: dict[asyncio.Task[None], _Dial] = {}
        self._listener: socket.socket | None = None
        self._count = 0

    @property
    def toxics(self) -> list[Installed]:
        """Its toxics in the API's order: upstream first, then downstream, each as they came."""
        return [one.installed for stream in STREAMS for one in self._toxics if one.installed.stream == stream]

    def to_json(self) -> dict[str, Any]:
        """The proxy as the API shows it."""
        return {
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
            "Logger": {},  # Toxiproxy has shown this since 2.5, by accident
            "toxics": [toxic.to_json() for toxic in self.toxics],
        }

    async def start(self) -> None:
        """Listen; nothing happens when it does already.

        Raises:
            AddressError: the address cannot be bound.
        """
        if self.enabled:
            return
        listener = await address.listen(self.listen)
        if self._listener is not None:  # somebody else was quicker
            listener.close()
            return
        self._listener, self.enabled = listener, True
        self.listen = address.name_of(listener)
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)
        self._log.add(Started(at=time.monotonic(), proxy=self.name, listen=self.listen))

    def stop(self) -> None:
        """Stop listening and close every connection; what is under way is lost. The toxics stay."""
        if self._listener is None:
            return
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        self._listener, self.enabled = None, False
        for task, dial in self._dialing.items():
            dial.client.close()
            task.cancel()
        for connection in list(self._connections.values()):
            connection.stop()
        self._log.add(Stopped(at=time.monotonic(), proxy=self.name))

    def find(self, name: str) -> Installed | None:
        """The toxic of that name, in either stream."""
        return next((one.installed for one in self._toxics if one.installed.name == name), None)

    def add(self, installed: Installed) -> None:
        """Add a toxic behind all others, on live connections too."""
        placed = _Placed(installed)
        self._toxics.append(placed)
        for connection in self._connections.values():
            self._join(placed, connection)
        self._log.add(
            ToxicAdded(
                at=time.monotonic(),
                proxy=self.name,
                toxic=installed.name,
                type=installed.type,
                stream=installed.stream,
            )
        )

    def update(self, installed: Installed) -> None:
        """Give the toxic of that name other settings, on live connections too."""
        for placed in self._toxics:
            if placed.installed.name == installed.name:
                placed.installed = installed
        for connection in self._connections.values():
            connection.update(installed)
        self._log.add(ToxicUpdated(at=time.monotonic(), proxy=self.name, toxic=installed.name))

    def remove(self, installed: Installed) -> None:
        """Take the toxic away, from live connections too."""
        self._toxics = [one for one in self._toxics if one.installed.name != installed.name]
        for connection in self._connections.values():
            connection.remove(installed)
        self._log.add(ToxicRemoved(at=time.monotonic(), proxy=self.name, toxic=installed.name))

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                client, (host, port, *_) = listener.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError:  # no more file descriptors: the kernel keeps the clients waiting
                loop = asyncio.get_running_loop()
                loop.remove_reader(listener)
                loop.call_later(_PAUSE_SECONDS, self._accept_again, listener)
                return
            client.setblocking(False)
            self._count += 1
            self._connect(_Dial(self._count, client, address.join(host, port)))

    def _accept_again(self, listener: socket.socket) -> None:
        if listener is self._listener:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _connect(self, dial: _Dial) -> None:
        """Dial the server, and do not wait for it."""
        try:
            target = address.written(self.upstream)
            is_there = target is not None and dial.reaches(target)
        except (OSError, AddressError) as error:
            self._failed(dial, error)
            return
        if is_there:
            self._opened(dial)
            return
        task = asyncio.get_running_loop().create_task(self._reach(dial))
        self._dialing[task] = dial
        task.add_done_callback(self._dialed)

    async def _reach(self, dial: _Dial) -> None:
        """Wait for a server that is further away, or whose name has to be looked up."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await dial.reach(await address.all_of(self.upstream))
        except (OSError, AddressError) as error:
            self._failed(dial, error)
        else:
            self._opened(dial)

    def _dialed(self, task: asyncio.Task[None]) -> None:
        dial = self._dialing.pop(task)
        if task.cancelled():
            dial.close()

    def _failed(self, dial: _Dial, error: Exception) -> None:
        dial.close()
        self._log.add(Unreachable(at=time.monotonic(), proxy=self.name, connection=dial.number, why=_why(error)))

    def _opened(self, dial: _Dial) -> None:
        for sock in (dial.client, dial.server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener, upstream = self.listen, self.upstream
        connection = Connection(
            self.name,
            dial.number,
            dial.client,
            dial.server,
            self._log,
            self._common,
            lambda over: self._closed(over, listener, upstream),
        )
        self._connections[dial.number] = connection
        self._log.add(
            Opened(
                at=time.monotonic(),
                proxy=self.name,
                connection=dial.number,
                client=dial.peer,
                local=address.name_of(dial.server),
            )
        )
        for placed in self._toxics:
            self._join(placed, connection)
        connection.start()

    def _join(self, placed: _Placed, connection: Connection) -> None:
        placed.met += 1
        connection.add(placed.installed, Dice(seed=f"{self._seed}/{connection.number}", ordinal=placed.met))

    def _closed(self, connection: Connection, listener: str, upstream: str) -> None:
        del self._connections[connection.number]
        for stream in STREAMS:
            received, sent = connection.traffic(stream)
            self._traffic.add(Series(stream, listener, self.name, upstream), received, sent)


def _why(error: Exception) -> str:
    """The same words whatever the event loop's are."""
    if isinstance(error, TimeoutError):
        return "timed out"
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number).lower() if number else str(error)
