"""Faults rewrite an answer that is on its way; nothing is read before somebody asks for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

import pytest

from fake_server.effects import Close, Effect, End, Last, Mark, Send
from fake_server.fault import Fault
from fake_server.faults.drop_event import DropEvent
from fake_server.faults.hold_all import HoldAll
from fake_server.faults.repeat_bytes import PING, RepeatBytes
from fake_server.faults.swap_events import SwapEvents
from fake_server.position import AtEvent
from fake_server.script import Request
from fake_server.wire import Framing, Head, Sized, UntilClose
from harness.proxy.flow import Flow, Passing

A, B, C = b"event: a\ndata: 1\n\n", b"event: b\ndata: 2\n\n", b"event: c\ndata: 3\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken(Fault):
    """A fault with a fault."""

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        yield Send(b"")
        raise ZeroDivisionError


@dataclass
class Source:
    """A server: says what it has been told to, counts how often it is asked, and then is silent."""

    says: list[bytes | Last]
    asked: int = 0
    was_left: bool = False
    noted: list[bytes] = field(default_factory=list)
    is_silent: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> bytes | Last:
        self.asked += 1
        if self.says:
            return self.says.pop(0)
        self.is_silent.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.was_left = True
        raise AssertionError

    def flow(self, *faults: Fault, framing: Framing | None = None, is_stream: bool = True, declared: int = 0) -> Flow:
        flow = Flow(self.read, self.noted.append, is_stream=is_stream)
        head = Head(framing=framing or UntilClose())

        def made(body: Iterable[Effect]) -> Passing:
            return Passing(head=head, body=body, faults=faults, declared=declared)

        flow.render(made, Request(attempt=1, seed="s"))
        return flow


async def first(flow: Flow, count: int) -> list[Effect]:
    return [await anext(flow) for _ in range(count)]


async def all_of(flow: Flow) -> list[Effect]:
    try:
        return [effect async for effect in flow][1:]
    finally:
        flow.close()


@pytest.mark.parametrize(
    ("faults", "effects"),
    [
        ((), [Send(A, "a"), Send(B, "b"), Send(C, "c"), End()]),
        ((DropEvent(at=AtEvent("b")),), [Send(A, "a"), Mark("drop_event", "b"), Send(C, "c"), End()]),
        ((SwapEvents(at=AtEvent("b")),), [Send(A, "a"), Mark("swap_events", "b"), Send(C, "c"), Send(B, "b"), End()]),
    ],
)
def test_faults_strike_events_however_they_are_cut(faults: tuple[Fault, ...], effects: list[Effect]) -> None:
    async def run() -> list[Effect]:
        source = Source([A[:5], A[5:] + B + C[:1], C[1:], End()])
        found = await all_of(source.flow(*faults))
        assert source.noted == [A, B, C]
        return found

    assert asyncio.run(run()) == effects


def test_an_event_is_there_before_the_next_one_is_asked_for() -> None:
    async def run() -> None:
        source = Source([A, B])
        flow = source.flow()
        assert (await first(flow, 2))[1:] == [Send(A, "a")]
        assert source.asked == 1
        assert await first(flow, 1) == [Send(B, "b")]
        assert source.asked == 2
        flow.close()

    asyncio.run(run())


def test_a_flow_that_is_closed_lets_the_server_go_and_its_thread_end() -> None:
    async def run() -> None:
        source = Source([A])
        flow = source.flow()
        await first(flow, 2)
        waiting = asyncio.ensure_future(anext(flow))
        await source.is_silent.wait()
        (thread,) = (one for one in threading.enumerate() if one.name == "flow")
        waiting.cancel()
        await asyncio.wait((waiting,))
        assert source.was_left
        flow.close()
        with pytest.raises(StopAsyncIteration):
            await anext(flow)
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()

    asyncio.run(run())


def test_what_a_fault_makes_of_nothing_is_made_only_as_fast_as_it_is_wanted() -> None:
    async def run() -> None:
        flow = Source([A, End()]).flow(RepeatBytes(at=AtEvent("a"), every=0, count=1_000_000))
        assert (await first(flow, 3))[2] == Send(PING)
        assert len(flow._ready) < 100
        flow.close()

    asyncio.run(run())


def test_a_fault_that_breaks_breaks_its_own_answer() -> None:
    async def run() -> None:
        flow = Source([A, End()]).flow(Broken())
        with pytest.raises(ZeroDivisionError):
            await all_of(flow)

    asyncio.run(run())


def test_a_flow_that_nobody_has_read_can_be_closed() -> None:
    async def run() -> int:
        source = Source([A])
        source.flow().close()
        return source.asked

    assert asyncio.run(run()) == 0


def test_a_body_that_breaks_off_ends_as_it_did_and_its_rest_is_passed_on() -> None:
    assert asyncio.run(_all([A, b"data: cu", Close()])) == [Send(A, "a"), Send(b"data: cu", "message"), Close()]


def test_what_has_no_events_is_passed_on_as_it_comes() -> None:
    assert asyncio.run(_all([A, B, End()], is_stream=False)) == [Send(A), Send(B), End()]


def test_a_fault_may_wait_for_all_of_it() -> None:
    effects = asyncio.run(_all([A, B, End()], HoldAll(seconds=0)))
    assert [one.data for one in effects if isinstance(one, Send)] == [A + B]


def test_a_body_with_a_length_that_breaks_off_keeps_the_length_that_was_declared() -> None:
    async def run() -> Effect:
        flow = Source([b"ab", Close()]).flow(framing=Sized(), is_stream=False, declared=9)
        (head,) = await first(flow, 1)
        flow.close()
        return head

    assert asyncio.run(run()) == Send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")


async def _all(says: list[bytes | Last], *faults: Fault, is_stream: bool = True) -> list[Effect]:
    return await all_of(Source(says).flow(*faults, is_stream=is_stream))
