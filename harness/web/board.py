"""What goes on for a page: numbered, a few at once, each telling what happens in a channel of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Generic, Protocol, TypeVar

from aiohttp import web

from fake_server.clock import Clock, SystemClock
from harness.web.channel import Channel, stream

NUMBER = "{number:[0-9]{1,9}}"
"""Where the number of what is meant stands in the path of a route."""
MOST_KEPT = 32
"""Of those whose events can still be asked for; more than may go on at once."""
ALONE_SECONDS = 30.0
"""For which something goes on that nobody listens to: a page that was only cut off is back within seconds."""


class Going(Protocol):
    """Something that goes on."""

    channel: Channel

    async def run(self) -> None:
        """Do it, to its end; the channel is closed then."""
        ...

    def stop(self) -> None:
        """The user wants it to end."""
        ...


T = TypeVar("T", bound=Going)


class Refused(Exception):
    """What a page asked for cannot be had; the message says why."""


class Heard(Generic[T]):
    """Something that goes on, and who listens: it is stopped when nobody has for a while, for nobody else would."""

    def __init__(self, going: T, clock: Clock) -> None:
        self.going, self._clock = going, clock
        self._listeners, self._alone_since = 0, clock.now()

    @contextmanager
    def by_one_more(self) -> Iterator[None]:
        """A page listens while the block runs."""
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1
            self._alone_since = self._clock.now()

    async def run(self) -> None:
        """Let it go on to its end."""
        leaving = asyncio.create_task(self._stop_when_alone())
        try:
            await self.going.run()
        finally:
            leaving.cancel()

    async def _stop_when_alone(self) -> None:
        while (left := self._patience()) > 0:
            await self._clock.sleep(left)
        self.going.stop()

    def _patience(self) -> float:
        """Seconds for which it goes on though nobody should come."""
        return ALONE_SECONDS - (0.0 if self._listeners else self._clock.now() - self._alone_since)


class Board(Generic[T]):
    """Everything of one kind that goes on, and the last of what went on.

    Args:
        say: takes a line about what went wrong here.
        most: that may go on at once.
    """

    def __init__(self, say: Callable[[str], object], most: int = 4, clock: Clock | None = None) -> None:
        self._say, self._most, self._clock = say, most, clock or SystemClock()
        self._numbers = count(1)
        self._kept: dict[int, Heard[T]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, make: Callable[[int], T]) -> int:
        """Begin what ``make`` makes for its number; returns that.

        Raises:
            Refused: too much is going on.
        """
        if len(self._running) >= self._most:
            raise Refused("too much is going on already: wait, or press stop")
        number = next(self._numbers)
        self._kept[number] = heard = Heard(make(number), self._clock)
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(one for one, kept in self._kept.items() if kept.going.channel.is_over)]
        task = asyncio.create_task(heard.run())
        self._running.add(task)
        task.add_done_callback(self._over)
        return number

    def find(self, request: web.Request) -> T:
        """The one whose number is in the path.

        Raises:
            HTTPNotFound: there is none.
        """
        return self._find(request).going

    async def hear(self, request: web.Request) -> web.StreamResponse:
        """Answer with what it tells."""
        heard = self._find(request)
        with heard.by_one_more():
            return await stream(request, heard.going.channel)

    async def stop(self, request: web.Request) -> web.Response:
        """Let it end."""
        self.find(request).stop()
        return web.json_response({})

    async def close(self) -> None:
        """End all that goes on."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _find(self, request: web.Request) -> Heard[T]:
        heard = self._kept.get(int(request.match_info["number"]))
        if heard is None:
            raise web.HTTPNotFound(text="there is no such thing, or none any more")
        return heard

    def _over(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._say(f"a fault of streamproof: {error!r}")
