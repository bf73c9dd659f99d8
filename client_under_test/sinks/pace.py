"""When the next call to a receiver may be made."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from random import Random

_LEAST_PAUSE_SECONDS = 1e-3
_MOST_RETRY_AFTER_SECONDS = 86_400.0
_MOST_BACKOFF_SECONDS = 60.0


class Pace:
    """At most one call in every ``every`` seconds, and none inside a penalty.

    Limits are usually those of a workspace and not of a message, so give the same pace to all sinks that share one.

    Args:
        every: seconds between two calls.
        clock: monotonic seconds.
        pause: waits so many seconds.
    """

    def __init__(
        self,
        every: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.every, self.clock, self.pause = every, clock, pause
        self._opens = -math.inf

    @property
    def wait(self) -> float:
        """Seconds until the next call may be made."""
        return max(0.0, self._opens - self.clock())

    async def turn(self) -> None:
        """Wait until a call may be made. Nobody else can take the turn before the caller awaits something."""
        while (wait := self.wait) > 0:
            await self.pause(max(wait, _LEAST_PAUSE_SECONDS))

    def taken(self) -> None:
        """A call is made now."""
        self._opens = max(self._opens, self.clock() + self.every)

    def penalty(self, seconds: float) -> None:
        """No call for so many seconds from now on."""
        self._opens = max(self._opens, self.clock() + seconds)


def backoff(failures: int, chance: Random) -> float:
    """Seconds to wait after the last of so many failures in a row: 1, 2, 4… up to a minute, with jitter."""
    return min(_MOST_BACKOFF_SECONDS, 2.0 ** (failures - 1)) * chance.uniform(0.75, 1.25)


def retry_after(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Seconds that ``Retry-After`` asks to wait (RFC 9110, 10.2.3); None when there is none, or nonsense.

    A day at most; ``now`` gives seconds since the epoch.
    """
    value = headers.get("retry-after", headers.get("Retry-After", ""))
    try:
        seconds = float(value) if value[:1].isdigit() else parsedate_to_datetime(value).timestamp() - now()
    except (ValueError, TypeError):
        return None
    return min(max(0.0, seconds), _MOST_RETRY_AFTER_SECONDS) if math.isfinite(seconds) else None
