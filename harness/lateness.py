"""How late the event loop of the harness comes: a client that shares it cannot be blamed for that."""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fake_server.clock import Clock


@dataclass(slots=True, eq=False)
class Watch:
    """How late the loop came while somebody watched, in seconds."""

    worst: float = 0.0
    """The longest delay."""
    within_one_second: float = 0.0
    """The most that was lost of any one second."""
    in_all: float = 0.0
    """The sum of all delays."""

    def add(self, late: float) -> None:
        """A delay of so many seconds: the loop's, or what the server waited for a change of the network."""
        self.worst = max(self.worst, late)
        self.in_all += late


class Lateness:
    """Measures how late the event loop comes: a client that shares it cannot be blamed for that.

    Many small delays are as bad as a long one: an exchange waits for the loop again and again. So a beat is a wait and
    the turns of the loop that an exchange takes (connect, accept, forward, read, answer, forward, read, wake).
    """

    _EVERY = 0.05
    _TURNS = 12
    _WINDOW = 1.0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watches: list[Watch] = []
        self._recent: deque[tuple[float, float]] = deque()
        self._due = clock.now()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._beat())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    @property
    def lately(self) -> float:
        """What was lost of the last second."""
        return sum(one for _, one in self._recent)

    @contextmanager
    def watched(self) -> Iterator[Watch]:
        """How late it comes while the block runs."""
        watch = Watch()
        self._watches.append(watch)
        try:
            yield watch
        finally:
            watch.worst = max(watch.worst, self._clock.now() - self._due)
            self._watches.remove(watch)

    async def _beat(self) -> None:
        while True:
            self._due = self._clock.now() + self._EVERY
            await self._clock.sleep(self._EVERY)
            woken = self._clock.now()
            self._recent.append((woken, max(0.0, woken - self._due)))
            for _ in range(self._TURNS):
                await asyncio.sleep(0)
            late = max(0.0, self._clock.now() - self._due)
            while self._recent[0][0] < woken - self._WINDOW:
                self._recent.popleft()
            lately = self.lately
            for watch in self._watches:
                watch.add(late)
                watch.within_one_second = max(watch.within_one_second, lately)


@contextmanager
def frozen_heap() -> Iterator[None]:
    """While the block runs, the garbage collector passes over all that is there at its beginning.

    A client's SDK brings two hundred thousand objects that live as long as the process. To walk over them takes a third
    of a second on an ordinary machine, in which the loop stands still, a dozen times in a minute. It holds for
    the whole process, and the first of several blocks to end ends it for all: they are slower then, and no less right.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def calm_collector() -> None:
    """For a process that serves and does nothing else: full collections of the garbage collector are to be rare.

    One delays every connection, by 40 ms where there are 1,000, and finds nothing.
    """
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], 1000)
