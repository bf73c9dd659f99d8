"""A relay that does nothing but hand on what comes, in a process of its own: the least that any on asyncio costs.

Its arguments are ``PORT:SECONDS``: somewhere to lead to, and how long what is sent there is held back. It prints the
ports where it listens, in their order. With ``uvloop`` before them it runs on that.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from functools import partial
from typing import cast

HOST = "127.0.0.1"
BACKLOG = 4096


class End(asyncio.Protocol):
    """One end of a connection; what comes here goes out at the other."""

    def __init__(self, other: End | None = None, delay: float = 0.0) -> None:
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._held: deque[tuple[float, bytes]] = deque()
        self.other = other
        self.early: list[bytes] = []
        """What came before there was another end."""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        if self.other is not None:
            self.other.other = self
            transport.write(b"".join(self.other.early))

    def data_received(self, data: bytes) -> None:
        if not self._delay:
            self._write(data)
            return
        self._held.append((time.monotonic() + self._delay, data))
        if len(self._held) == 1:
            self._loop.call_later(self._delay, self._let_go)

    def _let_go(self) -> None:
        """Write what is due; timers of uvloop may be early."""
        while self._held and self._held[0][0] <= time.monotonic():
            self._write(self._held.popleft()[1])
        if self._held:
            self._loop.call_later(max(0.0, self._held[0][0] - time.monotonic()), self._let_go)

    def _write(self, data: bytes) -> None:
        if self.other is None:
            self.early.append(data)
        else:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        assert self.other is not None
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        assert self.other is not None
        self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self.other.transport.close()


class Front(End):
    """The end where a client comes; the other one is made then."""

    def __init__(self, port: int, delay: float) -> None:
        super().__init__(delay=delay)
        self._port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connecting = self._loop.create_task(self._loop.create_connection(partial(End, self), HOST, self._port))


async def main(ways: list[str]) -> None:
    loop, ports = asyncio.get_running_loop(), []
    for port, delay in (way.split(":") for way in ways):
        server = await loop.create_server(partial(Front, int(port), float(delay)), HOST, 0, backlog=BACKLOG)
        ports.append(server.sockets[0].getsockname()[1])
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "uvloop":
        import uvloop

        uvloop.run(main(sys.argv[2:]))
    else:
        asyncio.run(main(sys.argv[1:]))
