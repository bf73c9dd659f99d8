"""Time as an argument: whatever needs it takes a :class:`Clock`, so that it can be simulated."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from fake_server.wheel import Wheel


class Clock(Protocol):
    """A monotonic clock and a way to wait on it; both in seconds."""

    def now(self) -> float:
        """Monotonic seconds from an arbitrary start."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait at least ``seconds``."""
        ...


class SystemClock:
    """The clock of this machine. All that wait on it in one event loop share a timer."""

    _wheel: Wheel | None = None

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wheel = self._wheel_of(asyncio.get_running_loop())
        tick, sleeper = wheel.enter(seconds)
        try:
            await sleeper
        except asyncio.CancelledError:
            wheel.leave(tick, sleeper)
            raise

    def _wheel_of(self, loop: asyncio.AbstractEventLoop) -> Wheel:
        if self._wheel is None or self._wheel.loop is not loop:
            self._wheel = Wheel(loop)
        return self._wheel
