"""The bundled client on real sockets, with and without an event loop, over httpx and httpx2: time, cancelling, back
pressure, busy and hostile peers."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import threading
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, closing, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import httpx
import httpx2
import pytest
from live.listener import listening
from live.serving import serve
from spoken import message

from client_under_test import Policy, StreamClient, StreamError, SyncStreamClient, events
from client_under_test.answer import Answer, Outcome
from client_under_test.blocks import block_client
from client_under_test.call import AT_ONCE_BYTES
from client_under_test.errors import (
    ConnectionFailed,
    Overloaded,
    PromptTooLarge,
    RequestNotSendable,
    Stalled,
    TransportBroken,
)
from client_under_test.policy import Limits, RetryPolicy
from client_under_test.transport import Inflater
from fake_server.answer import Answer as Says
from fake_server.answer import Refuse
from fake_server.app import FakeServer
from fake_server.blocks import text_block
from fake_server.faults.drip import Drip
from fake_server.faults.end_early import EndEarly
from fake_server.faults.error_event import ErrorEvent
from fake_server.faults.pause import Pause
from fake_server.faults.repeat_bytes import RepeatBytes
from fake_server.faults.reset_connection import ResetConnection
from fake_server.faults.set_header import SetHeader
from fake_server.faults.stall_forever import StallForever
from fake_server.position import AtEvent
from fake_server.record import Ended, Requested, ServerRecord
from scenarios.shapes import MID_TEXT

REQUEST = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
MIN_EVENT_BYTES = len(
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}'
)
QUICK = Policy(limits=Limits(idle=1.0, first_byte=1.0), retry=RetryPolicy(base=0.01, max_attempts=3))
SLOWLY = Says(faults=(Drip(seconds=0.02),))


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
    return StreamClient(**{"api_key": "k", "base_url": url, "policy": policy, "chance": Random(1), **more})


Complete = Callable[..., Awaitable[Answer]]


async def _with_a_loop(url: str, request: dict[str, Any] = REQUEST, policy: Policy = QUICK, **more: Any) -> Answer:
    async with client(url, policy, **more) as one:
        return await one.complete(request)


async def _in_blocks(url: str, request: dict[str, Any] = REQUEST, policy: Policy = QUICK, **more: Any) -> Answer:
    return await _with_a_loop(url, request, policy, **{"http": block_client(), **more})


async def _without_a_loop(url: str, request: dict[str, Any] = REQUEST, policy: Policy = QUICK, **more: Any) -> Answer:
    def complete() -> Answer:
        with SyncStreamClient(**{"api_key": "k", "base_url": url, "policy": policy, **more}) as one:
            return one.complete(request)

    return await asyncio.to_thread(complete)


@pytest.fixture(params=[_with_a_loop, _in_blocks, _without_a_loop], ids=["async", "blocks", "sync"])
def complete(request: pytest.FixtureRequest) -> Complete:
    found: Complete = request.param
    return found


class Clock:
    """Real time, and what the test adds to it."""

    def __init__(self) -> None:
        self.added = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.added


async def test_a_slow_reader_is_not_taken_for_a_dead_server(server: FakeServer) -> None:
    url, records = serve(server, Says())
    clock = Clock()
    async with client(url, clock=clock) as one, one.stream(REQUEST) as stream:
        seen = []
        async for event in stream:
            seen.append(event)
            clock.added += 3600.0
    assert isinstance(seen[-1], events.Done)
    assert len(records.of(Requested)) == 1


async def test_a_loop_that_is_left_closes_the_connection_without_further_ado(server: FakeServer) -> None:
    url, records = serve(server, SLOWLY)
    async with client(url) as one:
        async for _ in one.stream(REQUEST):
            break
        await records.until(is_end)
    assert [record.how for record in records.of(Ended)] == ["peer_closed"]


@pytest.mark.parametrize("reuse", [False, True], ids=["alone", "kept"])
@pytest.mark.parametrize("step", [SLOWLY, Says(faults=(StallForever(at=MID_TEXT),))], ids=["talks on", "goes silent"])
async def test_a_loop_without_an_event_loop_closes_the_connection_when_it_is_left(
    server: FakeServer, step: Says, *, reuse: bool
) -> None:
    url, records = serve(server, Says(), step)

    def read() -> None:
        with SyncStreamClient(api_key="k", base_url=url, policy=QUICK, reuse_connections=reuse) as one:
            one.complete(REQUEST)
            for _ in one.stream(REQUEST):
                break
            assert not [thread for thread in threading.enumerate() if thread.name == "answer reader"]

    await asyncio.to_thread(read)
    await records.until(lambda record: is_end(record) and record.attempt == 2)
    assert [record.how for record in records.of(Ended)] == ["end", "peer_closed"]
    assert len(ports(records.of(Requested))) == (1 if reuse else 2)


async def test_a_call_is_cancelled_from_another_task(server: FakeServer) -> None:
    url, records = serve(server, SLOWLY)
    async with client(url) as one:
        stream = one.stream(REQUEST)
        seen = []
        async for event in stream:
            seen.append(event)
            if len(seen) == 2:
                asyncio.get_running_loop().call_soon(stream.cancel)
        await records.until(is_end)
    assert isinstance(seen[-1], events.Done)
    assert seen[-1].answer.outcome is Outcome.CANCELLED
    assert seen[-1].answer.text == "".join(event.text for event in seen if isinstance(event, events.Text))


async def test_cancelling_closes_the_connection_also_while_the_caller_holds_an_event(server: FakeServer) -> None:
    url, records = serve(server, SLOWLY)
    async with client(url) as one, aclosing(one.stream(REQUEST)) as stream:
        async for _ in stream:
            stream.cancel()
            await records.until(is_end)
    assert [record.how for record in records.of(Ended)] == ["peer_closed"]


async def test_a_call_is_cancelled_from_another_thread(server: FakeServer) -> None:
    url, records = serve(server, SLOWLY)
    done: list[Answer] = []

    def read() -> None:
        with SyncStreamClient(api_key="k", base_url=url, policy=QUICK) as one, closing(one.stream(REQUEST)) as stream:
            for event in stream:
                threading.Thread(target=stream.cancel).start()
                if isinstance(event, events.Done):
                    done.append(event.answer)

    await asyncio.to_thread(read)
    await records.until(is_end)
    assert [answer.outcome for answer in done] == [Outcome.CANCELLED]


@pytest.mark.parametrize("step", [Says(faults=(Pause(at=MID_TEXT, seconds=30),)), Refuse(status=529)])
async def test_a_call_is_cancelled_in_the_middle_of_silence_and_of_a_wait(server: FakeServer, step: Any) -> None:
    url, _ = serve(server, step)
    patient = Policy(retry=RetryPolicy(base=3600, cap=3600))
    async with client(url, patient) as one:
        stream = one.stream(REQUEST)
        asyncio.get_running_loop().call_later(0.05, stream.cancel)
        last = [event async for event in stream][-1]
    assert isinstance(last, events.Done)
    assert last.answer.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("kind", [events.Text, events.Sentence])
async def test_a_cancel_is_noticed_at_once_also_when_the_server_has_gone_silent(
    server: FakeServer, kind: type[events.Event]
) -> None:
    url, _ = serve(server, Says(faults=(StallForever(at=MID_TEXT),)))
    seen: list[events.Event] = []
    async with asyncio.timeout(20), client(url, Policy()) as one:
        stream = one.stream(REQUEST)
        async for event in stream:
            seen.append(event)
            if isinstance(event, kind):
                stream.cancel()
    assert isinstance(seen[-1], events.Done)
    assert seen[-1].answer.outcome is Outcome.CANCELLED


async def test_a_call_is_cancelled_from_a_thread_beside_the_loop(server: FakeServer) -> None:
    url, _ = serve(server, Says(faults=(StallForever(at=MID_TEXT),)))
    async with asyncio.timeout(20), client(url, Policy()) as one:
        stream = one.stream(REQUEST)
        loop = asyncio.get_running_loop()
        loop.call_later(0.1, lambda: threading.Thread(target=stream.cancel).start())
        last = [event async for event in stream][-1]
    assert isinstance(last, events.Done)


async def test_closing_a_stream_from_another_task_ends_its_loop(server: FakeServer) -> None:
    url, _ = serve(server, Says(faults=(StallForever(at=MID_TEXT),)))
    async with asyncio.timeout(20), client(url, Policy()) as one:
        stream = one.stream(REQUEST)
        asyncio.get_running_loop().call_later(0.1, lambda: asyncio.ensure_future(stream.aclose()))
        assert not any(isinstance(event, events.Done) for event in [event async for event in stream])


async def test_a_call_that_is_cancelled_before_it_begins_sends_nothing(server: FakeServer) -> None:
    url, records = serve(server, Says())
    async with client(url) as one:
        stream = one.stream(REQUEST)
        stream.cancel()
        kinds = [type(event) async for event in stream]

    def without_a_loop() -> list[type]:
        with SyncStreamClient(api_key="k", base_url=url, policy=QUICK) as two:
            stream = two.stream(REQUEST)
            stream.cancel()
            return [type(event) for event in stream]

    assert kinds == await asyncio.to_thread(without_a_loop) == [events.Done]
    assert records == []


async def test_a_cancelled_task_closes_the_connection_and_leaves_no_task_behind(server: FakeServer) -> None:
    url, records = serve(server, SLOWLY)
    async with client(url) as one:
        asking = asyncio.create_task(one.complete(REQUEST))
        await records.until(lambda record: isinstance(record, Requested))
        asking.cancel()
        await asyncio.wait({asking})
    await records.until(is_end)
    assert asking.cancelled()
    assert [task for task in asyncio.all_tasks() if "fill" in repr(task)] == []


async def test_a_stream_is_read_once(server: FakeServer) -> None:
    url, _ = serve(server, Says())
    async with client(url) as one, one.stream(REQUEST) as stream:
        assert [event async for event in stream]
        with pytest.raises(RuntimeError, match="can be read once"):
            aiter(stream)


@pytest.mark.parametrize("limits", [Limits(total=0.3), Limits(progress=0.3)])
async def test_a_peer_that_never_pauses_does_not_keep_a_deadline_from_passing(
    server: FakeServer, limits: Limits, complete: Complete
) -> None:
    url, _ = serve(server, Says(faults=(RepeatBytes(at=MID_TEXT, every=0.002, count=5000),)))
    with pytest.raises(Stalled):
        await complete(url, policy=Policy(limits=limits, retry=RetryPolicy(max_attempts=1)))


async def test_a_client_that_is_closed_opens_no_connection_any_more(server: FakeServer) -> None:
    url, records = serve(server, Says())
    one, other = client(url), SyncStreamClient(api_key="k", base_url=url, policy=QUICK)
    await one.aclose()
    other.close()
    with pytest.raises(TransportBroken, match="this client is closed"):
        await one.complete(REQUEST)
    with pytest.raises(TransportBroken, match="this client is closed"):
        await asyncio.to_thread(other.complete, REQUEST)
    assert list(records) == []


async def test_a_burst_that_has_piled_up_leaves_others_on_the_loop_their_turn(server: FakeServer) -> None:
    url, records = serve(server, Says(blocks=(text_block("A word. " * 10_000),)))
    taken, at_turns = 0, [0]

    async def take_turns() -> None:
        while True:
            at_turns.append(taken)
            await asyncio.sleep(0)

    async with client(url) as one, one.stream(REQUEST) as stream:
        received = aiter(stream)
        await anext(received)
        await records.until(is_end)
        for _ in range(1_000):
            await asyncio.sleep(0)  # by then all of it has been read ahead
        other = asyncio.create_task(take_turns())
        async for _event in received:
            taken += 1
        other.cancel()
    between_turns = max(after - before for before, after in pairwise([*at_turns, taken]))
    at_once = 3 * AT_ONCE_BYTES // MIN_EVENT_BYTES
    assert between_turns < at_once < taken / 4


async def test_a_failed_call_raises_what_was_shown_with_the_error(server: FakeServer) -> None:
    url, _ = serve(server, Says(faults=(Pause(at=MID_TEXT, seconds=30),)))
    shown: list[str] = []
    stalled = replace(QUICK, limits=Limits(idle=0.2), retry=RetryPolicy(max_attempts=1))

    async def read() -> None:
        async with client(url, stalled) as one:
            async for event in one.stream(REQUEST):
                shown.extend([event.text] if isinstance(event, events.Text) else [])

    with pytest.raises(StreamError) as caught:
        await read()
    assert caught.value.partial == "".join(shown) != ""
    assert caught.value.blocks == ({"type": "text", "text": caught.value.partial},)
    assert len(caught.value.request_ids) == 1


async def test_a_recovery_is_announced_before_it_begins(server: FakeServer) -> None:
    url, _ = serve(server, Refuse(status=529), Says())
    async with client(url) as one:
        kinds = [type(event) async for event in one.stream(REQUEST)]
    assert kinds[0] is events.Notice
    assert kinds[-1] is events.Done


async def test_what_one_response_sets_does_not_break_the_next_request(server: FakeServer) -> None:
    url, _ = serve(server, Says(faults=(SetHeader(header="set-cookie", value="\xff=1"),)))
    async with client(url) as one:
        answers = [await one.complete(REQUEST) for _ in range(2)]
    assert [answer.attempts for answer in answers] == [1, 1]


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
async def test_a_client_of_the_callers_is_used_under_our_deadlines_and_not_closed(
    server: FakeServer, library: Any
) -> None:
    url, _ = serve(server, Says(faults=(Pause(at=MID_TEXT, seconds=0.3),)))
    async with library.AsyncClient(timeout=0.1) as theirs:
        assert (await _with_a_loop(url, http=theirs)).attempts == 1
        assert not theirs.is_closed
    with library.Client(timeout=0.1) as theirs:
        assert (await _without_a_loop(url, http=theirs)).attempts == 1
        assert not theirs.is_closed


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
async def test_faults_of_either_library_are_got_over(server: FakeServer, library: Any) -> None:
    url, _ = serve(server, Says(faults=(ResetConnection(at=MID_TEXT),)), Refuse(status=529), Says())
    async with library.AsyncClient() as theirs:
        assert (await _with_a_loop(url, http=theirs)).attempts == 3
    url, _ = serve(server, Says(faults=(ResetConnection(at=MID_TEXT),)), Refuse(status=529), Says())
    with library.Client() as theirs:
        assert (await _without_a_loop(url, http=theirs)).attempts == 3


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
async def test_no_exception_of_either_library_reaches_the_caller(server: FakeServer, library: Any) -> None:
    async with library.AsyncClient() as theirs:
        with pytest.raises(ConnectionFailed):
            await _with_a_loop("http://127.0.0.1:1", http=theirs)
    with library.Client() as theirs, pytest.raises(RequestNotSendable):
        await _without_a_loop("http://[::1", http=theirs)


@pytest.mark.parametrize(
    ("base_url", "key", "extra"),
    [
        ("http://[::1", "k", {}),
        ("gopher://x", "k", {}),
        ("", "k€", {}),
        ("", "k\n", {}),
        ("", "k", {"x": "\ud83d"}),
        ("", "k", {"x": object()}),
        ("", "k", {"x": float("nan")}),
    ],
)
async def test_what_cannot_be_sent_is_told_at_once(
    server: FakeServer, base_url: str, key: str, extra: dict[str, Any], complete: Complete
) -> None:
    url, records = serve(server, Says())
    with pytest.raises(RequestNotSendable) as caught:
        await complete(base_url or url, {**REQUEST, **extra}, api_key=key)
    assert (caught.value.attempts, caught.value.sent, records) == (1, False, [])


async def test_a_key_that_no_header_can_carry_is_in_no_error(server: FakeServer, complete: Complete) -> None:
    url, _ = serve(server, Says())
    with pytest.raises(RequestNotSendable, match=r"cannot be sent as it is \(.*\[redacted\]") as caught:
        await complete(url, api_key="sk-ant-of-ours\n")
    assert "of-ours" not in str(caught.value)


async def test_a_port_at_which_nobody_listens_was_never_reached(complete: Complete) -> None:
    with pytest.raises(ConnectionFailed) as caught:
        await complete("http://127.0.0.1:1")
    assert (caught.value.attempts, caught.value.sent) == (3, False)


async def test_a_prompt_that_the_edge_refuses_is_told_by_type(server: FakeServer, complete: Complete) -> None:
    url, _ = serve(server, Refuse(status=413))
    with pytest.raises(PromptTooLarge):
        await complete(url)


async def test_more_streams_than_a_pool_of_httpx_has_room_for_go_on_at_once(server: FakeServer) -> None:
    all_have_asked = asyncio.Barrier(130)

    async def hold(record: ServerRecord) -> None:
        if isinstance(record, Requested):
            await all_have_asked.wait()

    url, _ = serve(server, Says(), hold=hold)
    limits = Limits(connect=5.0, first_byte=30.0)  # a pool's room is waited for as a connection is
    async with client(url, replace(QUICK, limits=limits)) as one:
        answers = await asyncio.gather(*(one.complete(REQUEST) for _ in range(130)))
    assert {answer.attempts for answer in answers} == {1}


async def test_a_client_that_is_closed_under_a_call_is_an_error_of_ours(server: FakeServer) -> None:
    url, _ = serve(server, Refuse(status=529))

    async def close_meanwhile() -> None:
        async with httpx.AsyncClient() as theirs, client(url, http=theirs) as one:
            async for _ in one.stream(REQUEST):
                await theirs.aclose()

    with pytest.raises(TransportBroken) as caught:
        await close_meanwhile()
    assert isinstance(caught.value.first_cause, Overloaded)


async def test_what_a_dropped_connection_still_says_is_not_heard_where_connections_are_kept(
    server: FakeServer,
) -> None:
    late = Says(faults=(ErrorEvent(at=MID_TEXT), Pause(at=AtEvent("error"), seconds=0.02)))
    url, _ = serve(server, late, Says())
    async with client(url, reuse_connections=True) as one:
        answer = await one.complete(REQUEST)
    assert (answer.outcome, answer.attempts) == (Outcome.COMPLETE, 2)


@pytest.mark.parametrize("limit", [float("inf"), 1e12])
async def test_a_limit_may_be_infinite(server: FakeServer, complete: Complete, limit: float) -> None:
    url, _ = serve(server, Says())
    endless = Limits(first_byte=limit, first_event=limit, idle=limit, progress=limit)
    assert (await complete(url, policy=Policy(limits=endless))).attempts == 1


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", ""])
def test_a_coding_is_taken_off_in_pieces_of_bounded_size(coding: str) -> None:
    text = b"x" * 10_000_000
    packed = {"gzip": gzip.compress(text), "deflate": zlib.compress(text)}.get(coding, text)
    pieces = [*Inflater(coding).pieces(packed)]
    assert b"".join(pieces) == text
    assert coding in ("br", "") or max(map(len, pieces)) <= 1 << 16


def ports(records: list[Requested]) -> set[str]:
    return {record.peer for record in records}


async def test_every_request_has_a_connection_of_its_own_unless_the_caller_wants_them_kept(
    server: FakeServer,
) -> None:
    url, records = serve(server, Says())
    async with client(url) as one:
        await one.complete(REQUEST)
        await one.complete(REQUEST)
    assert len(ports(records.of(Requested))) == 2
    url, records = serve(server, Says())
    async with client(url, reuse_connections=True) as one:
        await one.complete(REQUEST)
        await asyncio.wait(one._closing or {asyncio.create_task(asyncio.sleep(0))})
        await one.complete(REQUEST)
    assert len(ports(records.of(Requested))) == 1


async def test_an_observer_sees_every_signal_and_cannot_disturb_the_call(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    url, _ = serve(server, Refuse(status=529), Says())
    seen: list[str] = []

    def watch(request: Any) -> Any:
        return lambda signal, now: seen.append(type(signal).__name__)

    def raises(signal: Any, now: float) -> None:
        raise LookupError("an observer's own fault")

    async with client(url, watch=(watch, lambda request: raises, lambda request: 1 / 0)) as one:
        answer = await one.complete(REQUEST)
    assert answer.attempts == 2
    assert seen[0] == "Started"
    assert seen[-1] == "WakeAt" or "Deliver" in seen[-2:]
    assert (seen.count("Open"), seen.count("HeadReceived"), seen.count("Drop")) == (2, 2, 2)
    assert "an observer failed; the call goes on" in caplog.text


async def test_an_observer_sees_the_end_of_a_call_that_is_abandoned(server: FakeServer) -> None:
    url, _ = serve(server, SLOWLY)
    ends: list[Outcome] = []

    def observe(signal: Any, now: float) -> None:
        if isinstance(getattr(signal, "event", None), events.Done):
            ends.append(signal.event.answer.outcome)

    async with client(url, watch=(lambda request: observe,)) as one, one.stream(REQUEST) as stream:
        async for _ in stream:
            break
    assert ends == [Outcome.CANCELLED]


@asynccontextmanager
async def leftover() -> AsyncIterator[str]:
    """A server whose first response has another one glued behind its end, on a connection that it keeps open."""
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := (await reader.readuntil(b"\r\n\r\n")).lower():
                length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(length)
                requests += 1
                writer.write(_response("true" if requests > 1 else "first"))
                if requests == 1:
                    writer.write(_response("stale"))
                if b"connection: close" in head:
                    return

    async with listening(serve) as port:
        yield f"http://127.0.0.1:{port}"


def _response(text: str) -> bytes:
    body = message(text)
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


async def test_bytes_left_on_a_connection_become_the_next_answer_of_httpx_and_never_ours() -> None:
    async def asked_twice(ask: Callable[[], Awaitable[str]]) -> list[str]:
        return [await ask(), await ask()]

    async with leftover() as url, httpx.AsyncClient() as plain:

        async def ask_plain() -> str:
            response = await plain.post(url, json=REQUEST)
            return str(json.loads(response.content)["content"][0]["text"])

        assert await asked_twice(ask_plain) == ["first", "stale"]
    async with leftover() as url, httpx.AsyncClient() as theirs:

        async def ask() -> str:
            return (await _with_a_loop(url, http=theirs)).text

        assert await asked_twice(ask) == ["first", "true"]


@pytest.mark.slow
@pytest.mark.load
@pytest.mark.parametrize(("kind", "hundreds"), [("async", 20), ("sync", 2)])
async def test_thousands_of_faulty_streams_leave_nothing_behind(server: FakeServer, kind: str, hundreds: int) -> None:
    """Sockets, tasks, threads and objects are back where they were.

    Each call meets five streams that are cut, so two thousand calls meet ten thousand; two hundred are enough where
    one waits for the other. Five hundred more calls come before the measurement: they fill caches.
    """
    cut = Says(sentences=1, faults=(EndEarly(at=AtEvent("content_block_delta", 1)),))
    faulty = (cut, cut, cut, cut, cut, Says(sentences=1))
    retry = RetryPolicy(base=0.0, cap=0.0, max_attempts=len(faulty), fallback_after=None)
    policy = Policy(limits=Limits(idle=5.0, first_byte=5.0), retry=retry)
    attempts: list[int] = []

    def ask_in_turn(urls: list[str]) -> list[Answer]:
        with httpx.Client() as http:
            clients = [SyncStreamClient(api_key="k", base_url=url, policy=policy, http=http) for url in urls]
            return [one.complete(REQUEST) for one in clients]

    async def run(calls: int) -> None:
        urls = [serve(server, *faulty, token=str(number))[0] for number in range(calls)]
        if kind == "async":
            async with httpx.AsyncClient() as http:
                clients = [client(url, policy, http=http) for url in urls]
                answers = await asyncio.gather(*(one.complete(REQUEST) for one in clients))
        else:
            answers = await asyncio.to_thread(ask_in_turn, urls)
        attempts.extend(answer.attempts for answer in answers)

    for _ in range(5):
        await run(100)
    before = leftovers()
    for _ in range(hundreds):
        await run(100)
    after = leftovers()
    assert attempts == [len(faulty)] * (500 + 100 * hundreds)
    assert after["sockets"] <= before["sockets"] + 2
    assert after["tasks"] <= before["tasks"]
    assert after["threads"] <= before["threads"]
    assert after["objects"] <= before["objects"] + 50


OURS = ("client_under_test", "httpx", "httpcore", "h11", "anyio", "asyncio", "threading", "socket", "ssl")
"""Packages whose objects a call is made of; the server of the test has others."""


def leftovers() -> dict[str, int]:
    gc.collect()
    return {
        "sockets": len(list(Path("/dev/fd").iterdir())),
        "tasks": sum("_Mailbox" in repr(one) for one in asyncio.all_tasks()),
        "threads": sum(one.name == "answer reader" for one in threading.enumerate()),
        "objects": sum(str(type(one).__module__).partition(".")[0] in OURS for one in gc.get_objects()),
    }
