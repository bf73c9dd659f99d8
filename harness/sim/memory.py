"""Connections in memory for HTTP clients built on httpx or httpx2: all of their code runs, down to the socket's place.

The real connection pool and the real HTTP parser read and write an end of a :mod:`~harness.sim.line`. What goes wrong
there is told by the exceptions that the same thing on a socket gives.

Sources: httpcore 1.0 and httpcore2 2.16, ``_backends/base.py`` (the interface) and ``_backends/anyio.py`` (which
exception is raised for what).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from harness.sim.line import EndOfLine

Dial = Callable[[str, int], Awaitable[EndOfLine | None]]
"""Connects to a host and a port; None when the connection is refused. One that never returns is one without answer."""

_CORES = {"httpx": "httpcore", "httpx2": "httpcore2"}


class Memory:
    """Where the clients of one case connect to.

    Args:
        dial: is called for each new connection.
    """

    def __init__(self, dial: Dial) -> None:
        self._dial = dial

    def transport(self, httpx: ModuleType, limits: Any = None) -> Any:
        """A transport for an ``AsyncClient``, which then has no sockets.

        Args:
            httpx: the module httpx or httpx2.
            limits: the ``Limits`` of the connection pool; the module's own default when there are none.

        Returns:
            An ``AsyncHTTPTransport`` of that module.
        """
        core = import_module(_CORES[httpx.__name__])
        limits = limits or httpx.Limits(max_connections=100, max_keepalive_connections=20)
        transport = httpx.AsyncHTTPTransport(verify=_no_tls(), limits=limits)
        # There is no argument for it.
        transport._pool = core.AsyncConnectionPool(
            ssl_context=_no_tls(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            network_backend=_Backend(core, self._dial, limits.keepalive_expiry),
        )
        return transport


@cache
def _no_tls() -> ssl.SSLContext:
    """Loading certificates takes 20 ms, and nothing is encrypted here."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Backend:
    """An ``AsyncNetworkBackend``, of whichever httpcore."""

    def __init__(self, core: ModuleType, dial: Dial, keep: float | None) -> None:
        self._core, self._dial, self._keep = core, dial, keep

    async def connect_tcp(self, host: str, port: int, timeout: float | None = None, **_: Any) -> _Stream:
        try:
            async with asyncio.timeout(timeout):
                end = await self._dial(host, port)
        except TimeoutError as late:
            raise self._core.ConnectTimeout(late) from late
        if end is None:
            refused = OSError("All connection attempts failed")
            raise self._core.ConnectError(refused) from refused
        return _Stream(self._core, end, self._keep)

    async def connect_unix_socket(self, path: str, timeout: float | None = None, **_: Any) -> _Stream:
        return await self.connect_tcp(path, 0, timeout)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Stream:
    """An ``AsyncNetworkStream`` on an end of a line; like a socket's, it takes no more from there than is read."""

    def __init__(self, core: ModuleType, end: EndOfLine, keep: float | None) -> None:
        self._core, self._end, self._keep = core, end, keep
        self._loop = asyncio.get_running_loop()
        self._used = self._loop.time()
        self._arrived = b""
        self._last = ""
        self._news = asyncio.Event()
        end.pause()
        end.owner = self

    # ---- what comes

    def received(self, data: list[bytes]) -> None:
        """Bytes came."""
        self._arrived += b"".join(data)
        self._news.set()

    def ended(self) -> None:
        """The other end has closed."""
        self._over("end")

    def broken(self) -> None:
        """The other end has reset the connection."""
        self._over("reset")

    def _over(self, how: str) -> None:
        self._last = self._last or how
        self._news.set()

    # ---- what the client does

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                await self._something()
        except TimeoutError as late:
            raise self._core.ReadTimeout(late) from late
        self._used = self._loop.time()
        data, self._arrived = self._arrived[:max_bytes], self._arrived[max_bytes:]
        if not data:
            self._raise_broken(self._core.ReadError)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._raise_broken(self._core.WriteError)
        self._used = self._loop.time()
        self._end.send(bytes(buffer))
        await asyncio.sleep(0)

    async def aclose(self) -> None:
        self._over("closed")
        self._end.close()
        await asyncio.sleep(0)

    async def start_tls(self, *_: Any, **__: Any) -> _Stream:
        return self

    def get_extra_info(self, info: str) -> Any:
        return self._is_stale if info == "is_readable" else None

    @property
    def _is_stale(self) -> bool:
        """Asked for while the connection is kept for later: one that is readable has ended, and will not be used.

        So is one that was kept too long: the pool itself would measure that in real time.
        """
        return self._end.is_readable or (self._keep is not None and self._loop.time() > self._used + self._keep)

    async def _something(self) -> None:
        """Wait until there is something to be read."""
        if self._arrived or self._last:
            await asyncio.sleep(0)
            return
        self._news.clear()
        self._end.resume()
        try:
            await self._news.wait()
        finally:
            self._end.pause()

    def _raise_broken(self, error: type[Exception]) -> None:
        if self._last in ("reset", "closed"):
            raise error() from ConnectionResetError(self._last)
