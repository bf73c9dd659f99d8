"""Many wait on one timer: none wakes early, none late, and who has left is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from fake_server.clock import SystemClock
from fake_server.wheel import TICK
from harness.sim.loop import VirtualLoop


class Kept(VirtualLoop):
    """Remembers its timers."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: list[asyncio.TimerHandle] = []

    def call_at(self, when: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        self.timers.append(super().call_at(when, *args, **kwargs))
        return self.timers[-1]

    @property
    def waiting(self) -> int:
        return sum(not timer.cancelled() and timer.when() > self.time() for timer in self.timers)


class Impatient(Kept):
    """Calls half a tick too early every other time."""

    def call_at(self, when: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        return super().call_at(when - TICK / 2 * (len(self.timers) % 2), *args, **kwargs)


def run(loop: VirtualLoop, play: Callable[[SystemClock, VirtualLoop], Awaitable[None]]) -> None:
    async def begin() -> None:
        await play(SystemClock(), loop)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(begin())


@pytest.mark.parametrize("kind", [VirtualLoop, Impatient])
@pytest.mark.parametrize("seconds", [0.0001, 0.001, 0.0017, 0.05, 3600.0])
def test_nobody_wakes_early_and_nobody_two_ticks_late(kind: type[VirtualLoop], seconds: float) -> None:
    async def play(clock: SystemClock, loop: VirtualLoop) -> None:
        for _ in range(20):
            began = loop.time()
            await clock.sleep(seconds)
            assert seconds - 2e-6 <= loop.time() - began < seconds + 2 * TICK

    run(kind(), play)


def test_who_wants_to_wait_for_nothing_lets_the_others_run_and_goes_on() -> None:
    async def play(clock: SystemClock, loop: VirtualLoop) -> None:
        turned = []
        loop.call_soon(turned.append, True)
        await clock.sleep(0)
        assert (turned, loop.time()) == ([True], 0)

    run(VirtualLoop(), play)


def test_a_thousand_sleepers_have_one_timer() -> None:
    loop = Kept()

    async def play(clock: SystemClock, loop: VirtualLoop) -> None:
        sleepers = [asyncio.ensure_future(clock.sleep(0.001 * (number % 50 + 1))) for number in range(1000)]
        await asyncio.sleep(0)
        assert loop.waiting == 1
        await asyncio.gather(*sleepers)
        assert loop.time() == pytest.approx(0.05, abs=TICK)

    run(loop, play)


def test_who_comes_later_and_is_due_earlier_wakes_first() -> None:
    async def play(clock: SystemClock, loop: VirtualLoop) -> None:
        woken: list[float] = []

        async def sleep(seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append(seconds)

        await asyncio.gather(*map(sleep, (0.5, 0.1, 0.3, 0.2)))
        assert woken == [0.1, 0.2, 0.3, 0.5]

    run(VirtualLoop(), play)


def test_who_has_left_is_forgotten_at_once_and_the_others_wake() -> None:
    async def play(clock: SystemClock, loop: VirtualLoop) -> None:
        leaving, staying = (asyncio.ensure_future(clock.sleep(3600)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        assert clock._wheel is not None
        assert len(clock._wheel) == 1
        await staying
        assert len(clock._wheel) == 0

    run(VirtualLoop(), play)


def test_one_that_is_cancelled_in_the_turn_that_wakes_it_disturbs_nobody() -> None:
    async def play(clock: SystemClock, loop: VirtualLoop) -> None:
        leaving, *staying = (asyncio.ensure_future(clock.sleep(0.01)) for _ in range(9))
        await asyncio.sleep(0)
        loop.call_at(0.01 - 1e-10, leaving.cancel)  # in the same turn of the loop
        await asyncio.wait_for(asyncio.gather(*staying), 1)
        assert leaving.cancelled()

    run(VirtualLoop(), play)


def test_the_clock_of_this_machine_serves_one_event_loop_after_the_other() -> None:
    clock = SystemClock()
    for _ in range(2):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(clock.sleep(5))
            assert runner.get_loop().time() == pytest.approx(5, abs=2 * TICK)
