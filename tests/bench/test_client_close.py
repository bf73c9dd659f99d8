"""How soon the server sees the connection closed after a caller has enough, beside the official SDK.

`pytest tests/bench/test_client_close.py --benchmark-enable` times from the decision to leave until the server's side of
the connection has ended, over a loopback socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import pytest
from live.serving import serve
from pytest_benchmark.fixture import BenchmarkFixture

from client_under_test import StreamClient, SyncStreamClient, events
from fake_server.answer import Answer
from fake_server.app import FakeServer
from fake_server.faults.drip import Drip
from fake_server.record import Ended

REQUEST: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "x"}],
}
Leave = Callable[[str, "asyncio.Future[float]"], Awaitable[None]]


async def _async(url: str, left: asyncio.Future[float]) -> None:
    async with StreamClient(api_key="k", base_url=url) as client, client.stream(REQUEST) as stream:
        async for event in stream:
            if isinstance(event, events.Text):
                left.set_result(asyncio.get_running_loop().time())
                break


async def _sync(url: str, left: asyncio.Future[float]) -> None:
    loop = asyncio.get_running_loop()

    def read() -> None:
        with SyncStreamClient(api_key="k", base_url=url) as client, client.stream(REQUEST) as stream:
            for event in stream:
                if isinstance(event, events.Text):
                    loop.call_soon_threadsafe(left.set_result, loop.time())
                    break

    await asyncio.to_thread(read)


async def _sdk(url: str, left: asyncio.Future[float]) -> None:
    async with (
        anthropic.AsyncAnthropic(api_key="k", base_url=url) as client,
        client.messages.stream(**REQUEST) as stream,
    ):
        async for _ in stream.text_stream:
            left.set_result(asyncio.get_running_loop().time())
            break


async def _seconds(server: FakeServer, leave: Leave) -> float:
    url, records = serve(server, Answer(faults=(Drip(seconds=0.01),)))
    left: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    await leave(url, left)
    await records.until(lambda record: isinstance(record, Ended))
    return asyncio.get_running_loop().time() - left.result()


@pytest.mark.parametrize("leave", [_async, _sync, _sdk], ids=["bundled", "bundled_sync", "anthropic"])
def test_leaving_closes_the_connection(benchmark: BenchmarkFixture, leave: Leave) -> None:
    async def measure() -> list[float]:
        async with FakeServer() as server:
            return [await _seconds(server, leave) for _ in range(20)]

    seconds = benchmark.pedantic(lambda: sorted(asyncio.run(measure())), rounds=1)
    benchmark.extra_info |= {"p50_ms": round(seconds[10] * 1000, 2), "max_ms": round(seconds[-1] * 1000, 2)}
