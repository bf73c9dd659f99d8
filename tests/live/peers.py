"""Plain sockets on both sides of a proxy, and what each of them sees."""

from __future__ import annotations

import errno
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from live.toxiproxies import Toxiproxy

from harness.toxiproxy.toxic import Stream

PATIENCE = 20.0
"""Seconds after which a test gives up; what comes within them was not held back for an hour."""
HOUR_MS = 3_600_000
SLACK = 0.005
"""What clocks and timers may differ by."""
_LINGER_ZERO = struct.pack("ii", 1, 0)


class Peer:
    """One end of a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            assert piece, f"closed after {data!r}"
            data += piece
        return data

    def rest(self) -> tuple[bytes, str]:
        """All that comes, and how it ends: with FIN or RST."""
        data = b""
        try:
            while piece := self.sock.recv(65536):
                data += piece
        except ConnectionResetError:
            return data, "rst"
        return data, "fin"

    def close(self) -> None:
        self.sock.close()

    def half_close(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.sock.close()

    def stuff(self) -> int:
        """Send until nobody takes any more; returns how many bytes that were."""
        self.sock.setblocking(False)
        count = 0
        while select.select([], [self.sock], [], 0.2)[1]:
            count += self.sock.send(bytes(1 << 20))
        self.sock.settimeout(PATIENCE)
        return count


@dataclass
class Pair:
    """Both ends of a connection through a proxy."""

    client: Peer
    server: Peer

    def along(self, stream: Stream) -> tuple[Peer, Peer]:
        """Who sends in that direction, and who receives."""
        return (self.client, self.server) if stream == "upstream" else (self.server, self.client)

    def greet(self) -> None:
        """Exchange a byte in each direction: then both directions are known to work."""
        for sender, receiver in (self.along("upstream"), self.along("downstream")):
            sender.send(b"!")
            assert receiver.read(1) == b"!"


@dataclass
class Between:
    """A proxy and what stands on both of its sides."""

    toxiproxy: Toxiproxy
    listener: socket.socket
    port: int
    sockets: ExitStack

    def connect(self) -> Pair:
        """A new connection."""
        client = self.dial()
        server, _ = self.listener.accept()
        return Pair(client, Peer(self.sockets.enter_context(server)))

    def beside(self, **latency: int) -> Pair:
        """A new connection through another proxy, which has a latency and nothing else."""
        port = self.toxiproxy.proxy(self.listener.getsockname()[1], name="q")
        self.toxiproxy.toxic("latency", proxy="q", **latency)
        return Between(self.toxiproxy, self.listener, port, self.sockets).connect()

    def dial(self) -> Peer:
        """A new client."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        return Peer(self.sockets.enter_context(sock))

    def live(self) -> Pair:
        """A new connection over which data have flowed, so that changes of toxics reach it."""
        pair = self.connect()
        pair.greet()
        return pair

    def update(self, toxic: str, *, toxicity: float | None = None, **attributes: object) -> None:
        """Change a toxic."""
        body = {"attributes": attributes, **({} if toxicity is None else {"toxicity": toxicity})}
        reply = self.toxiproxy.ask("POST", f"/proxies/p/toxics/{toxic}", body)
        assert reply.status == 200, reply

    def remove(self, toxic: str) -> None:
        """Remove a toxic."""
        reply = self.toxiproxy.ask("DELETE", f"/proxies/p/toxics/{toxic}")
        assert reply.status == 204, reply

    def add_and_remove(self) -> None:
        """A toxic comes to the downstream that does nothing, and goes again."""
        self.toxiproxy.toxic("noop", name="passing")
        self.remove("passing")

    def enable(self, enabled: bool) -> None:
        """Start or stop the proxy."""
        self.change(enabled=enabled)

    def change(self, **settings: object) -> None:
        """Change the proxy."""
        reply = self.toxiproxy.ask("POST", "/proxies/p", settings)
        assert reply.status == 200, reply


@contextmanager
def between(toxiproxy: Toxiproxy) -> Iterator[Between]:
    """A proxy named ``p`` to a listener of ours."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
        listener.settimeout(PATIENCE)
        yield Between(toxiproxy, listener, toxiproxy.proxy(listener.getsockname()[1]), sockets)


@contextmanager
def deaf_server() -> Iterator[socket.socket]:
    """A listener that answers no attempt to connect, because its backlog is full, until somebody accepts."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            assert filler.connect_ex(listener.getsockname()) == errno.EINPROGRESS
        yield listener


@contextmanager
def not_before(seconds: float) -> Iterator[None]:
    """What is inside takes at least so long; how much longer is the machine's affair."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began >= seconds - SLACK
