"""The event loop in virtual time: waits cost nothing, threads are waited for, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from harness.sim.agenda import VirtualAgenda
from harness.sim.loop import LoopAgenda, NothingToCome, VirtualLoop

T = TypeVar("T")

HOUR = 3600.0


def at_once(coroutine: Coroutine[Any, Any, T], until: float | None = None) -> T:
    """The result of ``coroutine``, in virtual time from 0 on."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        loop.until = until or loop.until
        return runner.run(coroutine)


def now() -> float:
    return asyncio.get_running_loop().time()


def busy() -> int:
    """Some milliseconds of work."""
    return len([number for number in range(200_000) if number % 3 == 0])


def test_hours_of_waiting_cost_nothing() -> None:
    async def wait() -> float:
        for _ in range(100):
            await asyncio.sleep(HOUR)
        return now()

    began = time.monotonic()
    assert at_once(wait()) == pytest.approx(100 * HOUR)
    assert time.monotonic() - began < 10


def test_who_waits_shorter_comes_first() -> None:
    async def wait() -> list[float]:
        order: list[float] = []

        async def one(seconds: float) -> None:
            await asyncio.sleep(seconds)
            order.append(seconds)

        await asyncio.gather(*(one(seconds) for seconds in (3.0, 0.5, 90_000.0, 1.0)))
        return order

    assert at_once(wait()) == [0.5, 1.0, 3.0, 90_000.0]


def test_a_timeout_strikes_at_its_time_and_not_before() -> None:
    async def wait() -> tuple[float, str]:
        try:
            async with asyncio.timeout(9.0):
                await asyncio.sleep(8.9)
                await asyncio.Event().wait()
        except TimeoutError:
            return now(), "late"
        return now(), "in time"

    assert at_once(wait()) == (pytest.approx(9.0), "late")


def test_a_wait_for_what_never_comes_ends_at_once() -> None:
    with pytest.raises(NothingToCome, match="nothing will ever come"):
        at_once(asyncio.Event().wait())


def test_who_turns_in_a_circle_comes_to_the_end_of_his_time() -> None:
    async def turn() -> float:
        try:
            async with asyncio.timeout(1.0):
                while True:  # noqa: ASYNC110 - that is the point
                    await asyncio.sleep(0)
        except TimeoutError:
            return now()

    assert at_once(turn()) == pytest.approx(1.0, abs=0.01)


def test_nothing_happens_after_the_end_of_time() -> None:
    async def stay() -> None:
        while True:  # noqa: ASYNC110 - that is the point
            await asyncio.sleep(1.0)

    with pytest.raises(NothingToCome, match="later than 30 s"):
        at_once(stay(), until=30.0)


def test_time_stands_still_while_a_thread_works() -> None:
    async def ask() -> tuple[int, float]:
        return await asyncio.wait_for(asyncio.to_thread(busy), HOUR), now()

    assert at_once(ask()) == (66_667, 0.0)


def test_time_goes_on_when_the_thread_is_done() -> None:
    async def ask() -> float:
        await asyncio.to_thread(busy)
        await asyncio.sleep(HOUR)
        return now()

    assert at_once(ask()) == HOUR


def test_a_host_is_looked_up_in_a_thread() -> None:
    async def ask() -> list[Any]:
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM), HOUR)

    assert at_once(ask())


def test_what_a_thread_calls_back_is_heard() -> None:
    async def ask() -> float:
        loop, heard = asyncio.get_running_loop(), asyncio.Event()

        def call() -> None:
            busy()
            loop.call_soon_threadsafe(heard.set)
            busy()

        working = asyncio.create_task(asyncio.to_thread(call))
        async with asyncio.timeout(HOUR):
            await heard.wait()
        await working
        return now()

    assert at_once(ask()) == 0.0


def test_the_agenda_of_a_loop_keeps_the_order_of_the_other_one() -> None:
    def enter(agenda: LoopAgenda | VirtualAgenda, order: list[str]) -> None:
        for name, at in (("c1", 2.0), ("a1", 1.0), ("c2", 2.0), ("a2", 1.0), ("past", -1.0), ("c3", 2.0), ("b", 1.5)):
            agenda.at(at, lambda name=name: order.append(name))  # type: ignore[misc]
        agenda.at(1.0, lambda: agenda.at(agenda.now(), lambda: order.append("at once")))
        agenda.at(1.0, lambda: order.append("a3"))

    async def on_a_loop() -> list[str]:
        order: list[str] = []
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        enter(LoopAgenda(loop), order)
        await asyncio.sleep(3.0)
        return order

    expected: list[str] = []
    virtual = VirtualAgenda()
    enter(virtual, expected)
    virtual.run(lambda: False, 3.0)
    assert at_once(on_a_loop()) == expected == ["past", "a1", "a2", "a3", "at once", "b", "c1", "c2", "c3"]


def test_what_is_due_is_done_at_its_time_and_not_a_rounding_error_before() -> None:
    first, second = 5.32, 78.17
    assert first + (second - first) < second

    async def run() -> list[float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        agenda, done = LoopAgenda(loop), list[float]()
        for at in (first, second):
            agenda.at(at, lambda: done.append(agenda.now()))
        await asyncio.sleep(HOUR)
        return done

    assert at_once(run()) == [first, second]


def test_a_step_of_the_simulation_that_fails_ends_the_run_with_its_error() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        LoopAgenda(loop).at(1.0, lambda: {}["nothing"])
        await asyncio.sleep(HOUR)

    with pytest.raises(KeyError, match="nothing"):
        at_once(run())
