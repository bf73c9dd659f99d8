"""What all connections of a server share: one timer of the event loop, and room to read into."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from harness.toxiproxy.pipe import FOREVER
from harness.toxiproxy.timer import timer
from harness.toxiproxy.wheel import Wheel

ROOM_BYTES = 256 * 1024
_REST_SECONDS = 0.0005
"""Between two rings of the timer: where many are due, they are woken together."""

now = time.monotonic


class Punctual(Protocol):
    """What waits for a moment."""

    def due(self) -> None:
        """It has come."""
        ...


class Common:
    """Of the event loop that it is made in."""

    def __init__(self) -> None:
        self.room = memoryview(bytearray(ROOM_BYTES))
        """For whoever reads: what is still needed when the event loop goes on is to be copied."""
        self._loop = asyncio.get_running_loop()
        self.is_asyncio = isinstance(self._loop, asyncio.BaseEventLoop)
        """And not uvloop, which forgets a socket once it has seen a RST, though that may stand behind what was read."""
        self._wheel: Wheel[Punctual] = Wheel()
        self._timer = timer(self._ring)
        self._rings = FOREVER
        self._rang = 0.0

    def wake_at(self, moment: float, one: Punctual) -> None:
        """``one`` is due at that finite moment, and never earlier."""
        self._wheel.put(moment, one)
        if moment < self._rings:
            self._set_timer()

    def let_sleep(self, moment: float, one: Punctual) -> None:
        """It is not due then after all."""
        self._wheel.take_back(moment, one)

    def stop(self) -> None:
        """Wake nobody any more."""
        self._timer.close()

    def _ring(self) -> None:
        self._rang, self._rings = now(), -FOREVER  # what is put in by those who are due is seen below
        due = iter(self._wheel.due(self._rang))
        try:
            for one in due:
                one.due()
        finally:
            for one in due:  # one has failed, and the others have done nothing
                self._loop.call_soon(one.due)
            self._set_timer()

    def _set_timer(self) -> None:
        self._rings = max(self._wheel.next, self._rang + _REST_SECONDS)
        self._timer.set(self._rings)
