"""The bundled client on real sockets: back-pressure, cancelling, busy and hostile peers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from random import Random
from typing import Any

import httpx
import pytest
from live.serving import serve

from client_under_test import Answer, Policy, StreamClient, StreamError, TextAdded
from client_under_test.errors import ConnectionFailed, RequestNotSendable, Stalled
from client_under_test.policy import Limits, RetryPolicy
from client_under_test.signals import Recovering
from fake_server.app import FakeServer
from fake_server.dialects.anthropic import Answer as Says
from fake_server.dialects.anthropic import Refuse
from fake_server.faults.drip import Drip
from fake_server.faults.pause import Pause
from fake_server.faults.repeat_bytes import RepeatBytes
from fake_server.faults.set_header import SetHeader
from fake_server.record import Ended, Requested, ServerRecord
from scenarios.shapes import MID_TEXT

REQUEST = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
QUICK = Policy(limits=Limits(idle=1.0, first_byte=1.0), retry=RetryPolicy(base=0.01, max_attempts=3), sentence_age=0.0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer() as running:
        yield running


def is_end(record: ServerRecord) -> bool:
    return isinstance(record, Ended)


def client(url: str, policy: Policy = QUICK, **more: Any) -> StreamClient:
    return StreamClient(api_key="k", base_url=url, policy=policy, chance=Random(1), **more)


class Clock:
    """Real time, and what the test adds to it."""

    def __init__(self) -> None:
        self.added = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.added


async def test_a_slow_reader_is_not_taken_for_a_dead_server(server: FakeServer) -> None:
    url, records = serve(server, Says())
    clock = Clock()
    async with client(url, clock=clock) as one, aclosing(one.stream(REQUEST)) as updates:
        seen = []
        async for update in updates:
            seen.append(update)
            clock.added += 3600.0
    assert isinstance(seen[-1], Answer)
    assert len(records.of(Requested)) == 1


async def test_a_reader_that_leaves_closes_the_connection(server: FakeServer) -> None:
    url, records = serve(server, Says(faults=(Drip(seconds=0.02),)))
    async with client(url) as one, aclosing(one.stream(REQUEST)) as updates:
        await anext(updates)
    await records.until(is_end)
    assert [record.how for record in records.of(Ended)] == ["peer_closed"]


async def test_a_cancelled_task_closes_the_connection_and_leaves_no_task_behind(server: FakeServer) -> None:
    url, records = serve(server, Says(faults=(Drip(seconds=0.02),)))
    async with client(url) as one:
        asking = asyncio.create_task(one.ask(REQUEST))
        await records.until(lambda record: isinstance(record, Requested))
        asking.cancel()
        await asyncio.wait({asking})
    await records.until(is_end)
    assert asking.cancelled()
    assert [task for task in asyncio.all_tasks() if "_read" in repr(task)] == []


@pytest.mark.parametrize("limits", [Limits(total=0.3), Limits(progress=0.3)])
async def test_a_peer_that_never_pauses_does_not_keep_a_deadline_from_passing(
    server: FakeServer, limits: Limits
) -> None:
    url, _ = serve(server, Says(faults=(RepeatBytes(at=MID_TEXT, every=0.002, count=5000),)))
    async with client(url, Policy(limits=limits, retry=RetryPolicy(max_attempts=1))) as one:
        with pytest.raises(Stalled):
            await one.ask(REQUEST)


async def test_a_failed_call_raises_what_was_shown_with_the_error(server: FakeServer) -> None:
    url, _ = serve(server, Says(faults=(Pause(at=MID_TEXT, seconds=30),)))
    shown: list[str] = []
    stalled = replace(QUICK, limits=Limits(idle=0.2), retry=RetryPolicy(max_attempts=1))

    async def read() -> None:
        async with client(url, stalled) as one:
            shown.extend([update.text async for update in one.stream(REQUEST) if isinstance(update, TextAdded)])

    with pytest.raises(StreamError) as caught:
        await read()
    assert caught.value.partial != ""


async def test_a_recovery_is_announced_before_it_begins(server: FakeServer) -> None:
    url, _ = serve(server, Refuse(status=529), Says())
    async with client(url) as one:
        kinds = [type(update) async for update in one.stream(REQUEST)]
    assert kinds[0] is Recovering
    assert kinds[-1] is Answer


async def test_what_one_response_sets_does_not_break_the_next_request(server: FakeServer) -> None:
    url, _ = serve(server, Says(faults=(SetHeader(header="set-cookie", value="\xff=1"),)))
    async with client(url) as one:
        answers = [await one.ask(REQUEST) for _ in range(2)]
    assert [answer.attempts for answer in answers] == [1, 1]


async def test_a_client_of_the_callers_is_used_under_our_deadlines_and_not_closed(server: FakeServer) -> None:
    url, _ = serve(server, Says(faults=(Pause(at=MID_TEXT, seconds=0.3),)))
    async with httpx.AsyncClient(timeout=0.1) as theirs:
        async with client(url, http=theirs) as one:
            assert (await one.ask(REQUEST)).attempts == 1
        assert not theirs.is_closed


@pytest.mark.parametrize(
    ("base_url", "key", "extra"),
    [
        ("http://[::1", "k", {}),
        ("gopher://x", "k", {}),
        ("", "k€", {}),
        ("", "k\n", {}),
        ("", "k", {"x": "\ud83d"}),
        ("", "k", {"x": object()}),
    ],
)
async def test_what_cannot_be_sent_is_told_at_once(
    server: FakeServer, base_url: str, key: str, extra: dict[str, Any]
) -> None:
    url, records = serve(server, Says())
    async with StreamClient(api_key=key, base_url=base_url or url, policy=QUICK) as one:
        with pytest.raises(RequestNotSendable) as caught:
            await one.ask({**REQUEST, **extra})
    assert (caught.value.attempts, caught.value.sent, records) == (1, False, [])


async def test_a_port_at_which_nobody_listens_was_never_reached() -> None:
    async with client("http://127.0.0.1:1") as one:
        with pytest.raises(ConnectionFailed) as caught:
            await one.ask(REQUEST)
    assert (caught.value.attempts, caught.value.sent) == (3, False)
