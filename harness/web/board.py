"""What goes on for a page: numbered, a few at once, each telling what happens in a channel of its own."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import Generic, Protocol, TypeVar

from aiohttp import web

from harness.web.channel import Channel, stream

NUMBER = "{number:[0-9]{1,9}}"
"""Where the number of what is meant stands in the path of a route."""
MOST_KEPT = 32
"""Of those whose events can still be asked for."""


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


class Board(Generic[T]):
    """Everything of one kind that goes on, and the last of what went on.

    Args:
        say: takes a line about what went wrong here.
        most: that may go on at once.
    """

    def __init__(self, say: Callable[[str], object], most: int = 4) -> None:
        self._say, self._most = say, most
        self._numbers = count(1)
        self._kept: OrderedDict[int, T] = OrderedDict()
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, make: Callable[[int], T]) -> int:
        """Begin what ``make`` makes for its number; returns that.

        Raises:
            Refused: too much is going on.
        """
        if len(self._running) >= self._most:
            raise Refused("too much is going on already: wait, or press stop")
        number = next(self._numbers)
        self._kept[number] = going = make(number)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        task = asyncio.create_task(going.run())
        self._running.add(task)
        task.add_done_callback(self._over)
        return number

    def find(self, request: web.Request) -> T:
        """The one whose number is in the path.

        Raises:
            HTTPNotFound: there is none.
        """
        going = self._kept.get(int(request.match_info["number"]))
        if going is None:
            raise web.HTTPNotFound(text="there is no such thing, or none any more")
        return going

    async def hear(self, request: web.Request) -> web.StreamResponse:
        """Answer with what it tells."""
        return await stream(request, self.find(request).channel)

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

    def _over(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._say(f"a fault of streamproof: {error!r}")
