"""A timer that is right to some microseconds where the system has one: event loops sleep for whole milliseconds."""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
from collections.abc import Callable
from math import ceil
from typing import Protocol

from harness.toxiproxy.pipe import FOREVER

_LONGEST_SECONDS = 3600.0
"""After so long it goes off in any case; numbers without end are nothing for the system."""
_ABSOLUTE = 1
"""``TFD_TIMER_ABSTIME``"""


class Timer(Protocol):
    """Goes off once for each time that it is set. Whoever hears it looks at the clock: it may be early."""

    def set(self, moment: float) -> None:
        """Go off then, in seconds of ``time.monotonic``, and not when it was set for before; infinity is never."""
        ...

    def close(self) -> None:
        """Never go off again."""
        ...


def timer(call: Callable[[], None]) -> Timer:
    """The best of this system, for the event loop that is running; ``call`` sets it again, or to never."""
    libc = ctypes.CDLL(None, use_errno=True)
    return Exact(call, libc) if hasattr(libc, "timerfd_create") else Rough(call)


class _Seconds(ctypes.Structure):
    """``struct timespec``"""

    _fields_ = (("whole", ctypes.c_long), ("nano", ctypes.c_long))


class _Setting(ctypes.Structure):
    """``struct itimerspec``"""

    _fields_ = (("interval", _Seconds), ("first", _Seconds))


class Exact:
    """Linux's ``timerfd_create(2)``, which Python 3.13 has under ``os``."""

    def __init__(self, call: Callable[[], None], libc: ctypes.CDLL) -> None:
        self._libc = libc
        self._setting = _Setting()
        self._number = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        self._check(self._number)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._number, call)

    def set(self, moment: float) -> None:
        """Go off then."""
        whole, rest = divmod(min(moment, time.monotonic() + _LONGEST_SECONDS) if moment < FOREVER else 0.0, 1)
        self._setting.first.whole, self._setting.first.nano = int(whole), int(rest * 1e9)
        self._check(self._libc.timerfd_settime(self._number, _ABSOLUTE, ctypes.byref(self._setting), None))

    def close(self) -> None:
        """Never go off again."""
        self._loop.remove_reader(self._number)
        os.close(self._number)

    def _check(self, result: int) -> None:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


class Rough:
    """The event loop's own."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None

    def set(self, moment: float) -> None:
        """Go off then."""
        self.close()
        if moment < FOREVER:
            seconds = min(max(moment - time.monotonic(), 0.0), _LONGEST_SECONDS)
            self._handle = self._loop.call_later(ceil(1000 * seconds) / 1000, self._call)

    def close(self) -> None:
        """Never go off again."""
        if self._handle is not None:
            self._handle.cancel()
