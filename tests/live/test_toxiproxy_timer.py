"""The one timer of a server, on both event loops: nobody is woken early, and everybody is."""

from __future__ import annotations

import asyncio
import ctypes
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from harness.toxiproxy.common import Common
from harness.toxiproxy.pipe import FOREVER
from harness.toxiproxy.timer import Exact, Rough, Timer, timer

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
EARLY = 0.002
"""Event loops that sleep for whole milliseconds may begin and end in the middle of one."""
HOUR = 3600.0

on_both_loops = pytest.mark.parametrize("loop", LOOPS)


def run(loop: str, main: Callable[[], Any]) -> Any:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(asyncio.wait_for(main(), 20))


def exact(call: Callable[[], None]) -> Timer:
    return Exact(call, ctypes.CDLL(None, use_errno=True))


KINDS = {"rough": (Rough, EARLY), **({"exact": (exact, 1e-6)} if sys.platform == "linux" else {})}
on_all_timers = pytest.mark.parametrize("kind", KINDS)


@on_both_loops
@on_all_timers
def test_a_timer_goes_off_in_time_whenever_it_is_set(loop: str, kind: str) -> None:
    make, early = KINDS[kind]

    async def main() -> None:
        rang = asyncio.Event()

        def ring() -> None:
            one.set(FOREVER)
            rang.set()

        one = make(ring)
        for seconds in (0.0, 0.003, -1.0, 0.0005):
            rang.clear()
            moment = time.monotonic() + seconds
            one.set(moment)
            await rang.wait()
            assert time.monotonic() >= moment - early
        one.close()

    run(loop, main)


@on_both_loops
@on_all_timers
@pytest.mark.parametrize("other", [FOREVER, HOUR, 1e15])
def test_a_timer_that_is_set_to_another_moment_forgets_the_first(loop: str, kind: str, other: float) -> None:
    async def main() -> None:
        rings = 0
        over = asyncio.Event()

        def ring() -> None:
            nonlocal rings
            rings += 1

        def end() -> None:
            second.set(FOREVER)
            over.set()

        first, second = KINDS[kind][0](ring), KINDS[kind][0](end)
        first.set(time.monotonic() + 0.005)
        first.set(time.monotonic() + other)
        second.set(time.monotonic() + 0.015)
        await over.wait()
        assert rings == 0
        first.close()
        second.close()

    run(loop, main)


@on_both_loops
def test_the_system_gives_the_best_that_it_has(loop: str) -> None:
    async def main() -> type:
        one = timer(lambda: None)
        one.close()
        return type(one)

    assert run(loop, main) is (Exact if sys.platform == "linux" else Rough)


class Sleeper:
    """Tells when it was woken."""

    def __init__(self, woken: Woken) -> None:
        self._woken = woken

    def due(self) -> None:
        self._woken.put_nowait((self, time.monotonic()))


class Restless(Sleeper):
    """Fails."""

    def due(self) -> None:
        raise ZeroDivisionError


Woken = asyncio.Queue[tuple[Sleeper, float]]


@on_both_loops
def test_all_are_woken_in_order_and_none_early(loop: str) -> None:
    async def main() -> None:
        common, woken = Common(), Woken()
        began = time.monotonic()
        moments = {Sleeper(woken): began + 0.001 * number for number in (7, 3, 9, 0, 3)}
        for one, moment in moments.items():
            common.wake_at(moment, one)
        seen = [await woken.get() for _ in moments]
        assert all(at >= moments[one] for one, at in seen)
        assert [moments[one] for one, _ in seen] == sorted(moments.values())
        common.stop()

    run(loop, main)


@on_both_loops
def test_who_is_let_sleep_is_not_woken(loop: str) -> None:
    async def main() -> None:
        common, woken = Common(), Woken()
        one, other = Sleeper(woken), Sleeper(woken)
        moment = time.monotonic() + 0.002
        common.wake_at(moment, one)
        common.wake_at(moment + 0.001, other)
        common.let_sleep(moment, one)
        assert (await woken.get())[0] is other
        common.stop()

    run(loop, main)


@on_both_loops
def test_one_that_fails_is_told_of_and_keeps_nobody_from_being_woken(loop: str) -> None:
    async def main() -> None:
        common, woken = Common(), Woken()
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        moment = time.monotonic() + 0.001
        sleepers = [Sleeper(woken) for _ in range(3)]
        for one in (sleepers[0], Restless(woken), *sleepers[1:]):
            common.wake_at(moment, one)
        assert [(await woken.get())[0] for _ in sleepers] == sleepers
        common.wake_at(moment, sleepers[0])
        assert (await woken.get())[0] is sleepers[0]
        assert [type(context["exception"]) for context in told] == [ZeroDivisionError]
        common.stop()

    run(loop, main)
