"""Many wait on one timer: none wakes early, none late, and who has left is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from fake_server.clock import SystemClock
from fake_server.wheel import TICK, Wheel
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


def run(loop: VirtualLoop, play: Callable[[Wheel], Awaitable[None]]) -> None:
    async def begin() -> None:
        await play(Wheel(loop))

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(begin())


@pytest.mark.parametrize("loop", [VirtualLoop, Impatient])
@pytest.mark.parametrize("seconds", [0.0001, 0.001, 0.0017, 0.05, 3600.0])
def test_nobody_wakes_early_and_nobody_two_ticks_late(loop: type[VirtualLoop], seconds: float) -> None:
    async def play(wheel: Wheel) -> None:
        for _ in range(20):
            began = wheel.loop.time()
            await wheel.sleep(seconds)
            assert seconds - 2e-6 <= wheel.loop.time() - began < seconds + 2 * TICK

    run(loop(), play)


def test_who_wants_to_wait_for_nothing_lets_the_others_run_and_goes_on() -> None:
    async def play(wheel: Wheel) -> None:
        turned = []
        wheel.loop.call_soon(turned.append, True)
        await wheel.sleep(0)
        assert (turned, wheel.loop.time()) == ([True], 0)

    run(VirtualLoop(), play)


def test_a_thousand_sleepers_have_one_timer() -> None:
    loop = Kept()

    async def play(wheel: Wheel) -> None:
        sleepers = [asyncio.ensure_future(wheel.sleep(0.001 * (number % 50 + 1))) for number in range(1000)]
        await asyncio.sleep(0)
        assert loop.waiting == 1
        await asyncio.gather(*sleepers)
        assert loop.time() == pytest.approx(0.05, abs=TICK)

    run(loop, play)


def test_who_comes_later_and_is_due_earlier_wakes_first() -> None:
    async def play(wheel: Wheel) -> None:
        woken: list[float] = []

        async def sleep(seconds: float) -> None:
            await wheel.sleep(seconds)
            woken.append(seconds)

        await asyncio.gather(*map(sleep, (0.5, 0.1, 0.3, 0.2)))
        assert woken == [0.1, 0.2, 0.3, 0.5]

    run(VirtualLoop(), play)


def test_who_has_left_is_forgotten_at_once_and_the_others_wake() -> None:
    async def play(wheel: Wheel) -> None:
        leaving, staying = (asyncio.ensure_future(wheel.sleep(3600)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        assert [len(sleepers) for sleepers in wheel._sleepers.values()] == [1]
        await staying
        assert not wheel._sleepers

    run(VirtualLoop(), play)


def test_one_that_is_cancelled_in_the_turn_that_wakes_it_disturbs_nobody() -> None:
    async def play(wheel: Wheel) -> None:
        sleepers = [asyncio.ensure_future(wheel.sleep(0.01)) for _ in range(3)]
        await asyncio.sleep(0)
        for sleeper in wheel._sleepers[10]:
            sleeper.cancel()
        await wheel.sleep(0.02)
        assert all(sleeper.cancelled() for sleeper in sleepers)

    run(VirtualLoop(), play)


def test_the_clock_of_this_machine_serves_one_event_loop_after_the_other() -> None:
    clock = SystemClock()
    for _ in range(2):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(clock.sleep(5))
            assert runner.get_loop().time() == pytest.approx(5, abs=2 * TICK)
