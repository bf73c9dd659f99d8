"""An optional transport for httpx that hands a body on in blocks: all that has arrived at once, and not chunk by chunk.

A streamed answer has an HTTP chunk for every event, and nearly all that httpx costs on it is paid for each chunk again.
Here :mod:`client_under_test.bodies` takes the chunks off. The head is still read by h11, as httpx does, so what is
refused there is refused here; a differential test holds the body to it as well. It needs the extra ``speed``.

A connection is used for one request, and there is no proxy and no HTTP/2: who needs these has httpx's own transport.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import h11
import httpx

from client_under_test.bodies import Body, BrokenBody, body_of
from client_under_test.transport import no_cookies, tls

_MOST_WAITING_BYTES = 1 << 20
"""When so much waits to be read, the peer has to wait as well."""


class BlockTransport(httpx.AsyncBaseTransport):
    """Opens a connection for each request, and hands on what comes in blocks.

    Args:
        verify: how certificates are judged; by default as httpx does.
    """

    def __init__(self, verify: ssl.SSLContext | None = None) -> None:
        self._verify = verify

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``request`` over a connection of its own.

        Raises:
            UnsupportedProtocol, ConnectError, ConnectTimeout: no connection could be made.
            WriteError, WriteTimeout, ReadError, ReadTimeout, RemoteProtocolError, LocalProtocolError: as httpx's own.
        """
        limits = request.extensions.get("timeout", {})
        wire = await self._connected(request.url, limits.get("connect"))
        exchange = _Exchange(wire, limits.get("read"))
        try:
            await exchange.send(request, limits.get("write"))
            return await exchange.response()
        except BaseException:
            wire.close()
            raise

    async def _connected(self, url: httpx.URL, limit: float | None) -> _Wire:
        if url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"a URL begins with http:// or https://, not with {url.scheme}://")
        secure = url.scheme == "https"
        verify = (self._verify or tls()) if secure else None
        port = url.port or (443 if secure else 80)
        try:
            async with asyncio.timeout(limit):
                _, wire = await asyncio.get_running_loop().create_connection(_Wire, url.host, port, ssl=verify)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection within {limit} s") from error
        except OSError as error:
            raise httpx.ConnectError(str(error) or type(error).__name__) from error
        return wire


def block_client(verify: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """An HTTP client that reads in blocks, for ``StreamClient(http=block_client())``.

    It need not be closed: no connection is kept.
    """
    return httpx.AsyncClient(transport=BlockTransport(verify), cookies=no_cookies())


class _Exchange(httpx.AsyncByteStream):
    """One request, its response, and then the stream of the body."""

    def __init__(self, wire: _Wire, limit: float | None) -> None:
        self._wire, self._limit = wire, limit
        self._h11 = h11.Connection(h11.CLIENT)
        self._body: Body | None = None
        self._rest = b""
        """Bytes of the body that came with the head."""

    async def send(self, request: httpx.Request, limit: float | None) -> None:
        """Write the request."""
        with _as_httpx_says(h11.LocalProtocolError, httpx.LocalProtocolError):
            target = request.url.raw_path
            head = h11.Request(method=request.method.encode(), target=target, headers=request.headers.raw)
            self._write(head)
            assert isinstance(request.stream, httpx.AsyncByteStream)
            async for data in request.stream:
                self._write(h11.Data(data=data))
                await self._wire.written(limit)
            self._write(h11.EndOfMessage())
        await self._wire.written(limit)

    def _write(self, event: Any) -> None:
        self._wire.write(self._h11.send(event) or b"")

    async def response(self) -> httpx.Response:
        """Read the head."""
        head = await self._head()
        self._body = body_of(head.status_code, head.headers)
        self._rest, _ = self._h11.trailing_data
        extensions = {"http_version": b"HTTP/" + head.http_version, "reason_phrase": bytes(head.reason)}
        headers = head.headers.raw_items()
        return httpx.Response(head.status_code, headers=headers, stream=self, extensions=extensions)

    async def _head(self) -> h11.Response:
        with _as_httpx_says(h11.RemoteProtocolError, httpx.RemoteProtocolError):
            while not isinstance(event := self._h11.next_event(), h11.Response):
                if event is h11.NEED_DATA:
                    self._h11.receive_data(await self._more())
            return event

    async def _more(self) -> bytes:
        data = await self._wire.read(self._limit)
        if not data:
            raise httpx.RemoteProtocolError("the server closed the connection without a response")
        return data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = self._body
        assert body is not None
        data = self._rest
        with _as_httpx_says(BrokenBody, httpx.RemoteProtocolError):
            while True:
                if data and (found := body.feed(data)):
                    yield found
                if body.is_over:
                    return
                data = await self._wire.read(self._limit)
                if not data:
                    body.end()
                    return

    async def aclose(self) -> None:
        """Close the connection."""
        self._wire.close()


class _Wire(asyncio.Protocol):
    """A connection: what arrives waits here, and is read as one."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: list[bytes] = []
        self._size = 0
        self._is_over = self._is_full = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._must_wait = False

    # ---- called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._waiting.append(data)
        self._size += len(data)
        if self._size > _MOST_WAITING_BYTES and self._transport is not None and not self._is_full:
            self._is_full = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        self._is_over = True
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over, self._error = True, exc or self._error
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        self._must_wait = True

    def resume_writing(self) -> None:
        self._must_wait = False
        _wake(self._writer)

    # ---- called by an exchange

    def write(self, data: bytes) -> None:
        """Send, behind what is not sent yet."""
        assert self._transport is not None
        self._transport.write(data)

    async def written(self, limit: float | None) -> None:
        """Wait until there is room for more.

        Raises:
            WriteTimeout: there is none for ``limit`` seconds.
            WriteError: the connection is lost.
        """
        while self._must_wait and not self._is_over:
            self._writer = asyncio.get_running_loop().create_future()
            await _within(limit, self._writer, httpx.WriteTimeout("the request could not be written"))
        if self._error is not None and not self._waiting:
            raise httpx.WriteError(_told(self._error)) from self._error

    async def read(self, limit: float | None) -> bytes:
        """All that has arrived; empty at the end of the connection.

        Raises:
            ReadTimeout: nothing comes for ``limit`` seconds.
            ReadError: the connection broke.
        """
        while not self._waiting and not self._is_over:
            self._reader = asyncio.get_running_loop().create_future()
            await _within(limit, self._reader, httpx.ReadTimeout("nothing came"))
        if not self._waiting and self._error is not None:
            raise httpx.ReadError(_told(self._error)) from self._error
        data = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        if self._is_full and self._transport is not None:
            self._is_full = False
            self._transport.resume_reading()
        return data

    def close(self) -> None:
        """Be done with it, whatever may still come or is not sent."""
        if self._transport is not None:
            self._transport.abort() if self._must_wait else self._transport.close()


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


async def _within(limit: float | None, waiter: asyncio.Future[None], late: Exception) -> None:
    if limit is None:
        await waiter
        return
    try:
        async with asyncio.timeout(limit):
            await waiter
    except TimeoutError:
        raise late from None


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__


@contextmanager
def _as_httpx_says(theirs: type[Exception], ours: type[Exception]) -> Iterator[None]:
    try:
        yield
    except theirs as error:
        raise ours(_told(error)) from error
