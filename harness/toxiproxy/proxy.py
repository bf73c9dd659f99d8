"""A proxy: an address that listens, an address behind it, its toxics, and its live connections."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from dataclasses import dataclass
from typing import Any

from harness.toxiproxy import address
from harness.toxiproxy.address import AddressError
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
_ACCEPTS_PER_TURN = 64
_PAUSE_SECONDS = 0.1
"""When this process has no more file descriptors."""


@dataclass(slots=True, eq=False)
class _Placed:
    """A toxic in this proxy and the number of connections it has met."""

    installed: Installed
    met: int = 0


class Proxy:
    """One proxy; its methods are called in the event loop that it lives in."""

    def __init__(self, name: str, listen: str, upstream: str, *, seed: str, log: EventLog, traffic: Traffic) -> None:
        self.name, self.listen, self.upstream = name, listen, upstream
        self.enabled = False
        self._traffic = traffic
        self._seed = seed
        self._log = log
        self._toxics: list[_Placed] = []
        self._connections: dict[int, Connection] = {}
        self._dialing: dict[asyncio.Task[None], socket.socket] = {}
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
        for task, client in self._dialing.items():
            if task.cancel():
                client.close()  # a task that has not begun yet does not
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
        loop = asyncio.get_running_loop()
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                client, _ = listener.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError:  # no more file descriptors: the kernel keeps the clients waiting
                loop.remove_reader(listener)
                loop.call_later(_PAUSE_SECONDS, self._accept_again, listener)
                return
            client.setblocking(False)
            self._count += 1
            task = loop.create_task(self._connect(client, self._count))
            self._dialing[task] = client
            task.add_done_callback(self._dialing.pop)

    def _accept_again(self, listener: socket.socket) -> None:
        if listener is self._listener:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    async def _connect(self, client: socket.socket, number: int) -> None:
        """Dial the server; nobody else waits meanwhile."""
        with contextlib.ExitStack() as open_sockets:
            open_sockets.callback(client.close)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    server = await _dial(self.upstream, open_sockets)
            except (OSError, AddressError) as error:
                self._log.add(Unreachable(at=time.monotonic(), proxy=self.name, connection=number, why=_why(error)))
                return
            open_sockets.pop_all()
        self._opened(client, server, number)

    def _opened(self, client: socket.socket, server: socket.socket, number: int) -> None:
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener, upstream = self.listen, self.upstream
        connection = Connection(
            self.name, number, client, server, self._log, lambda over: self._closed(over, listener, upstream)
        )
        self._connections[number] = connection
        self._log.add(
            Opened(
                at=time.monotonic(),
                proxy=self.name,
                connection=number,
                client=_peer_of(client),
                local=address.name_of(server),
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


async def _dial(upstream: str, open_sockets: contextlib.ExitStack) -> socket.socket:
    target = await address.resolve(upstream)
    server = socket.socket(target.family, socket.SOCK_STREAM)
    open_sockets.callback(server.close)
    server.setblocking(False)
    await asyncio.get_running_loop().sock_connect(server, (target.host, target.port))
    return server


def _why(error: Exception) -> str:
    """The same words whatever the event loop's are."""
    if isinstance(error, TimeoutError):
        return "timed out"
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number).lower() if number else str(error)


def _peer_of(client: socket.socket) -> str:
    try:
        host, port, *_ = client.getpeername()
    except OSError:  # it has gone already
        return ""
    return address.join(host, port)
