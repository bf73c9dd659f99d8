"""What a client costs from its socket to the text: ours on httpx and on its own transport, beside the official SDK.

The server is a process of its own (``stream_server.py``), and what is counted is the processor time of this one.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
from bench.conftest import Target
from bench.stream_server import chunks
from pytest_benchmark.fixture import BenchmarkFixture

from client_under_test import StreamClient
from client_under_test.blocks import block_client

REQUEST = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
Client = Callable[[str], Awaitable[str]]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Base URL of the server."""
    command = [sys.executable, str(Path(__file__).with_name("stream_server.py"))]
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


def microseconds(client: Client, url: str, events: int) -> float:
    """Processor time for an event."""
    began = time.process_time()
    asyncio.run(client(url))
    return 1e6 * (time.process_time() - began) / events


@pytest.mark.parametrize("how", ["bulk", "each"])
def test_a_client_is_not_the_bottleneck(benchmark: BenchmarkFixture, server: str, target: Target, how: str) -> None:
    times = 40 if benchmark.enabled else 1
    url, events = f"{server}/{how}/{times}", len(chunks(times))
    clients: list[Client] = [on_httpx, in_blocks, the_sdk]
    texts = {asyncio.run(client(url)) for client in clients}
    assert len(texts) == 1
    rounds = 7 if benchmark.enabled else 1
    taken: dict[str, list[float]] = {client.__name__: [] for client in clients}
    for _ in range(rounds):
        for client in clients:
            taken[client.__name__].append(microseconds(client, url, events))
    benchmark.pedantic(microseconds, args=(in_blocks, url, events), rounds=1)
    benchmark.extra_info["us per event"] = taken
    cost = {name: median(values) for name, values in taken.items()}
    target("client", f"{how}: on httpx, of the SDK's text_stream", cost["the_sdk"] / cost["on_httpx"], at_least=6)
    least = 10 if how == "bulk" else 3
    target("client", f"{how}: in blocks, of itself on httpx", cost["on_httpx"] / cost["in_blocks"], at_least=least)
