"""Many sleepers, one timer: whoever is to wake in the same millisecond is woken by the same turn.

A timer of the event loop for each of thousands of streams would be thousands of timers in one heap, which is where such
a server would spend its time.
"""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from math import ceil

TICK = 0.001
"""Seconds; nobody wakes early, and nobody this much late but for a loop that is busy."""
_ROUNDING = 1e-6
"""Seconds by which a loop may call earlier than it was told to. Some do by far more; the wheel then turns again."""


class Wheel:
    """Wakes sleepers on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._sleepers: dict[int, set[asyncio.Future[None]]] = {}
        """By the tick that wakes them."""
        self._ticks: list[int] = []
        """The same ticks, as a heap."""
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many sleep."""
        return sum(map(len, self._sleepers.values()))

    def enter(self, seconds: float) -> tuple[int, asyncio.Future[None]]:
        """A sleeper who is woken in ``seconds`` or a little later, and the tick that wakes him."""
        tick = ceil((self.loop.time() + seconds) / TICK)
        sleepers = self._sleepers.get(tick)
        if sleepers is None:
            sleepers = self._sleepers[tick] = set()
            heappush(self._ticks, tick)
            if self._ticks[0] == tick:
                self._wind()
        sleeper = self.loop.create_future()
        sleepers.add(sleeper)
        return tick, sleeper

    def leave(self, tick: int, sleeper: asyncio.Future[None]) -> None:
        """Forget one who waits no longer, and not only when he would have been woken; his tick turns empty."""
        self._sleepers.get(tick, set()).discard(sleeper)

    def _wind(self) -> None:
        """Turn when the first tick is due."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(self._ticks[0] * TICK, self._turn)

    def _turn(self) -> None:
        self._timer = None
        now = self.loop.time() + _ROUNDING
        while self._ticks and self._ticks[0] * TICK <= now:
            for sleeper in self._sleepers.pop(heappop(self._ticks)):
                if not sleeper.done():  # it may have been cancelled, and not have left yet
                    sleeper.set_result(None)
        if self._ticks:
            self._wind()
