"""An asyncio event loop in virtual time: when everybody waits, time goes on to the next timer at once.

Threads that were started through the loop (``asyncio.to_thread``, the look-up of a host) work in real time, so while
one of them is at work time stands still and the loop waits for it. Whatever asks the machine for the time, and not the
loop, sees that next to none has passed.
"""

from __future__ import annotations

import asyncio
import os
import selectors
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache
from math import inf
from typing import Any, TypeVar

from harness.sim.agenda import Do

T = TypeVar("T")

_MOST_TURNS_AT_ONCE = 100_000
_TICK_SECONDS = 0.001
"""What a turn takes from then on: who turns in a circle comes to the end of his time as well."""
_THREAD_SECONDS = 10.0
"""Real time that a thread may take between two signs of life."""


class NothingToCome(RuntimeError):
    """Everybody waits for what will never happen, or time is up."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """The event loop of one case. Its time begins at 0.

    Raises:
        NothingToCome: from whatever runs the loop, when nothing is ready, no timer is set and no thread is at work;
            or when it is later than :attr:`until`.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._turns = 0
        self._at_work: set[asyncio.Future[Any]] = set()
        self._failure: Exception | None = None
        self.until = inf
        """Nothing happens after that."""
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now

    def reach(self, time: float) -> None:
        """A timer for ``time`` is due: it is not a rounding error earlier."""
        self._now = max(self._now, time)

    def fail(self, error: Exception) -> None:
        """End the run with ``error``; in a callback alone it would only be logged."""
        self._failure = self._failure or error

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run ``func`` in a thread; time waits for it."""
        future = super().run_in_executor(executor or _threads(), func, *args)
        self._at_work.add(future)
        future.add_done_callback(self._at_work.discard)
        return future

    def patience(self, timeout: float | None) -> float:
        """The real seconds to wait for a thread when the next timer is ``timeout`` virtual seconds away."""
        return _THREAD_SECONDS if self._at_work and timeout != 0 else 0.0

    def pass_time(self, timeout: float | None) -> None:
        """Nothing has happened: go on to the next timer; see :meth:`patience`."""
        if self._failure is not None:
            raise self._failure
        if timeout is None:
            raise NothingToCome("everybody waits, and nothing will ever come")
        self._turns = self._turns + 1 if timeout == 0 else 0
        seconds = timeout if self._turns < _MOST_TURNS_AT_ONCE else _TICK_SECONDS
        self._now += seconds
        if seconds and self._now > self.until:
            raise NothingToCome(f"it is later than {self.until:g} s")


@cache
def _threads() -> ThreadPoolExecutor:
    """One for all cases: a thread takes longer to start than most have to do. The loop's own would be waited for."""
    return ThreadPoolExecutor(max_workers=32, thread_name_prefix="sim")


os.register_at_fork(after_in_child=_threads.cache_clear)


class _Selector(selectors.DefaultSelector):
    """Waits for threads only."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(self.loop.patience(timeout))
        if not ready:
            self.loop.pass_time(timeout)
        return ready


class LoopAgenda:
    """The agenda of an event loop: what is entered for the same time is done in the order of entry.

    What fails ends the loop's run with its exception, because a simulation that has lost a step tells nonsense.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._due: dict[float, list[Do]] = {}

    def now(self) -> float:
        """Seconds since the beginning."""
        return self._loop.time()

    def at(self, time: float, do: Do) -> None:
        """Do it then; at once, but after all that is due already, when the time has come."""
        if time <= self._loop.time():
            self._loop.call_soon(self._do, do)
        elif time in self._due:
            self._due[time].append(do)
        else:
            self._due[time] = [do]
            self._loop.call_at(time, self._run, time)

    def _run(self, time: float) -> None:
        self._loop.reach(time)
        for do in self._due.pop(time):
            self._do(do)

    def _do(self, do: Do) -> None:
        try:
            do()
        except Exception as error:  # noqa: BLE001 - whatever it is, the loop must end with it
            self._loop.fail(error)
