"""The connection under an aiohttp request, for replies whose bytes are all ours: right or wrong on purpose."""

from __future__ import annotations

from aiohttp import web

from fake_server.perform import reset_transport


class Connection:
    """The connection under an aiohttp request, written to without aiohttp's own framing and accounts."""

    def __init__(self, http: web.Request) -> None:
        self._http, self._protocol = http, http.protocol

    def write(self, data: bytes) -> None:
        transport = self._protocol.transport
        if transport is not None:
            transport.write(data)
        if transport is None or transport.is_closing():  # it closes when a write fails, and says nothing
            raise ConnectionResetError

    @property
    def is_full(self) -> bool:
        return self._protocol.writing_paused

    async def drained(self) -> None:
        await self._http.writer.drain()

    def close(self) -> None:
        if self._protocol.transport is not None:
            self._protocol.transport.close()

    def reset(self) -> None:
        if self._protocol.transport is not None:
            reset_transport(self._protocol.transport)


class Written(web.StreamResponse):
    """Tells aiohttp that the response is already on the wire."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._keep = keep_alive

    @property
    def keep_alive(self) -> bool | None:
        return self._keep

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None
