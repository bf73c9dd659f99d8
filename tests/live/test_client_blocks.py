"""The optional transport on real sockets: what it sends, how it fails, and how a reader who waits is waited for."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import trustme
from live.listener import listening

from client_under_test.blocks import BlockTransport

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def peer(answer: Answer, secure: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that does with each connection what ``answer`` does."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await answer(reader, writer)
        writer.transport.abort()

    async with listening(serve, secure) as port:
        yield f"{'https' if secure else 'http'}://localhost:{port}/"


def says(data: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        if writer.can_write_eof():
            writer.write_eof()
        await reader.read()

    return answer


async def test_a_request_arrives_whole_and_all_chunks_are_read_as_one(anyio_backend: str) -> None:
    body, asked = bytes(range(256)) * 4096, asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.set_result((head, await reader.readexactly(len(body))))
        writer.write(HEAD + b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")
        await reader.read()

    async with (
        peer(answer) as url,
        httpx.AsyncClient(transport=BlockTransport()) as http,
        http.stream("POST", f"{url}v1?x=1", content=body, headers={"x-key": "k"}) as response,
    ):
        blocks = [block async for block in response.aiter_raw()]
    head, sent = await asked
    assert head.startswith(b"POST /v1?x=1 HTTP/1.1\r\n")
    assert b"x-key: k\r\n" in head
    assert sent == body
    assert (response.status_code, response.http_version, blocks) == (200, "HTTP/1.1", [b"ab"])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"nonsense\r\n\r\n",
        HEAD + b"5\r\nab",
        HEAD + b"5\r\nabcde\r\n",
        HEAD + b"x\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab",
    ],
)
async def test_what_is_not_whole_is_an_error_of_httpx(anyio_backend: str, data: bytes) -> None:
    async with peer(says(data)) as url, httpx.AsyncClient(transport=BlockTransport()) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get(url)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabc", "ab"),
        (b"HTTP/1.1 200 OK\r\n\r\nab", "ab"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", ""),
        (HEAD + b"2\r\nab\r\n0\r\n\r\nHTTP/1.1 500 Next\r\n\r\n", "ab"),
    ],
)
async def test_a_body_ends_as_its_head_says(anyio_backend: str, data: bytes, text: str) -> None:
    async with peer(says(data)) as url, httpx.AsyncClient(transport=BlockTransport()) as http:
        assert (await http.get(url)).text == text


async def test_a_reset_is_a_read_error(anyio_backend: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"1\r\na\r\n")
        await writer.drain()  # and what was asked is never read: closing is a reset then

    async with peer(answer) as url, httpx.AsyncClient(transport=BlockTransport()) as http:
        with pytest.raises((httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)):
            await http.post(url, content=b"x" * (1 << 20))


async def test_silence_ends_with_the_limits_of_the_caller(anyio_backend: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    timeout = httpx.Timeout(0.05)
    async with peer(answer) as url, httpx.AsyncClient(transport=BlockTransport(), timeout=timeout) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(url)
        with pytest.raises(httpx.WriteTimeout):
            await http.post(url, content=b"x" * (64 << 20))


async def test_where_nobody_listens_no_connection_is_made(anyio_backend: str) -> None:
    async with httpx.AsyncClient(transport=BlockTransport()) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get("http://127.0.0.1:1/")


async def test_a_certificate_is_judged(anyio_backend: str) -> None:
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(theirs)
    authority.configure_trust(ours)
    async with peer(says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"), theirs) as url:
        async with httpx.AsyncClient(transport=BlockTransport(ours)) as http:
            assert (await http.get(url)).text == "ab"
        async with httpx.AsyncClient(transport=BlockTransport()) as http:
            with pytest.raises(httpx.ConnectError):
                await http.get(url)


async def test_a_reader_who_waits_makes_the_peer_wait(anyio_backend: str) -> None:
    sent = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(1 << 16))
            await writer.drain()
            sent += 1 << 16

    async with (
        peer(answer) as url,
        httpx.AsyncClient(transport=BlockTransport()) as http,
        http.stream("GET", url) as response,
    ):
        stream = response.aiter_raw()
        await anext(stream)
        before = -1
        while before != sent:  # until it waits
            before = sent
            for _ in range(100):
                await asyncio.sleep(0)
        assert sent < 64 << 20
        await stream.aclose()
