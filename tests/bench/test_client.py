"""What a client costs from its socket to the text: ours on httpx and on its own transport, beside the official SDK.

The server is a process of its own (``bare_server.py``), and what is counted is the processor time of this one.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import pytest
from bench.bare_server import chunks, events
from bench.conftest import Target
from pytest_benchmark.fixture import BenchmarkFixture

from client_under_test import StreamClient
from client_under_test.blocks import block_client
from fake_server.wire import FINAL_CHUNK
from harness.bench.ours import Parser

REQUEST = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
Client = Callable[[str], Awaitable[str]]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Base URL of the server."""
    command = [sys.executable, str(Path(__file__).with_name("bare_server.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.kill()


async def on_httpx(url: str) -> str:
    async with StreamClient(api_key="k", base_url=url) as client:
        return (await client.complete(REQUEST)).text


async def in_blocks(url: str) -> str:
    async with StreamClient(api_key="k", base_url=url, http=block_client()) as client:
        return (await client.complete(REQUEST)).text


async def the_sdk(url: str) -> str:
    anthropic = pytest.importorskip("anthropic")
    async with (
        anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as client,
        client.messages.stream(**REQUEST) as stream,
    ):
        return "".join([text async for text in stream.text_stream])


class Counting(asyncio.Protocol):
    """Asks, and counts the bytes that come, until the last chunk."""

    def __init__(self, request: bytes) -> None:
        self._request, self._tail = request, b""
        self.size, self.over = 0, asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.size += len(data)
        self._tail = (self._tail + data)[-len(FINAL_CHUNK) :]
        if self._tail == FINAL_CHUNK:
            self.over.set()


async def nothing_but_bytes(url: str) -> str:
    """The least that any client on asyncio costs."""
    parts = urlsplit(url)
    request = f"POST {parts.path}/v1/messages HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-length: 0\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    transport, reader = await loop.create_connection(lambda: Counting(request), parts.hostname, parts.port)
    await reader.over.wait()
    transport.close()
    return ""


async def without_a_socket(url: str) -> str:
    """The same events from memory: framed, decoded and put together."""
    (text,) = Parser.accumulate(body(int(url.rpartition("/")[2])))
    return str(text)


@cache
def body(pieces: int) -> list[bytes]:
    """An answer without its chunks, in blocks."""
    data = b"".join(events(pieces))
    return [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)]


def microseconds(client: Client, url: str, events: int) -> float:
    """Processor time for an event."""
    began = time.process_time()
    asyncio.run(client(url))
    return 1e6 * (time.process_time() - began) / events


Costs = dict[str, float]


def costs(benchmark: BenchmarkFixture, server: str, how: str, pieces: int, rounds: int) -> Costs:
    """What each client takes for an event, in microseconds; the medians of rounds in which each has its turn."""
    url, events = f"{server}/{how}/{pieces}", len(chunks(pieces))
    assert len({asyncio.run(client(url)) for client in CLIENTS}) == 1
    taken: dict[str, list[float]] = {client.__name__: [] for client in (*CLIENTS, *LIMITS)}
    for _ in range(rounds):
        for client in (*CLIENTS, *LIMITS):
            taken[client.__name__].append(microseconds(client, url, events))
    benchmark.pedantic(microseconds, args=(in_blocks, url, events), rounds=1)
    benchmark.extra_info["us per event"] = taken
    return {name: median(values) for name, values in taken.items()}


CLIENTS: list[Client] = [on_httpx, in_blocks, the_sdk]
LIMITS: list[Client] = [nothing_but_bytes, without_a_socket]
BLOCK = 1 << 16
MANY = 60_000
"""Events, of which the beginning and the end of a call are no part."""


def limit(cost: Costs) -> str:
    """Why it can be no faster."""
    return (
        f"µs an event: {cost['on_httpx']:.2f} on httpx, {cost['in_blocks']:.2f} in blocks, "
        f"{cost['without_a_socket']:.2f} from memory, {cost['nothing_but_bytes']:.2f} only to count its bytes"
    )


@pytest.mark.parametrize(("how", "told"), [("bulk", "in bulk"), ("apart", "a segment each")])
def test_a_client_is_not_the_bottleneck(
    benchmark: BenchmarkFixture, server: str, target: Target, how: str, told: str
) -> None:
    cost = costs(benchmark, server, how, *((MANY, 7) if benchmark.enabled else (20, 1)))
    ratio = cost["the_sdk"] / cost["on_httpx"]
    target("client", f"{told}: on httpx, of the SDK's text_stream", ratio, at_least=6, why=limit(cost))
    if how == "bulk":
        ratio = cost["on_httpx"] / cost["in_blocks"]
        target("client", f"{told}: in blocks, of itself on httpx", ratio, at_least=10, why=limit(cost))


def test_an_event_that_comes_by_itself_is_read_at_little_cost(
    benchmark: BenchmarkFixture, server: str, target: Target
) -> None:
    """The server waits between two events: of one that does not, a slower client finds several at once."""
    cost = costs(benchmark, server, "0.001", *((3000, 5) if benchmark.enabled else (20, 1)))
    ratio = cost["on_httpx"] / cost["in_blocks"]
    target("client", "one at a time: in blocks, of itself on httpx", ratio, at_least=3, why=limit(cost))
