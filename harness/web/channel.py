"""What a page is told, as server-sent events: numbered, so that a page that was cut off asks for the rest of them.

A channel keeps all that was said in it, but of how something stands only the last. It ends with an event ``end``, after
which a page closes its stream; one that asks all the same gets 204, which tells an ``EventSource`` to ask no more
(WHATWG HTML, "Server-sent events").
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from aiohttp import web

BEAT_SECONDS = 15.0
"""Of silence, after which a comment says that the stream is alive."""
_BEAT = b": alive\n\n"
_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8"}


def encoded(number: int, name: str, data: Any) -> bytes:
    """One event. JSON without line breaks, and in ASCII, so that no text can be taken for a line of the stream."""
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


class Channel:
    """What one thing that goes on has to say, for any number of pages.

    Args:
        beat: seconds of silence before a heart-beat.
    """

    def __init__(self, beat: float = BEAT_SECONDS) -> None:
        self.said = 0
        """How many things; the number of the last one."""
        self._events: dict[int, bytes] = {}
        self._standing: dict[str, int] = {}
        self._beat = beat
        self._news = asyncio.Event()
        self.is_over = False

    def tell(self, name: str, data: Any = None) -> None:
        """Say one thing more; nothing is heard after the end."""
        if not self.is_over:
            self.said += 1
            self._events[self.said] = encoded(self.said, name, data)
            self._news.set()
            self._news = asyncio.Event()

    def tell_anew(self, name: str, data: Any = None) -> None:
        """Say how something stands now: whoever comes later need not hear how it stood before."""
        if not self.is_over:
            self._events.pop(self._standing.get(name, 0), None)
            self.tell(name, data)
            self._standing[name] = self.said

    def close(self) -> None:
        """Nothing more will be said."""
        self.tell("end")
        self.is_over = True

    async def after(self, number: int) -> AsyncGenerator[bytes, None]:
        """The events behind that number, as they come, with heart-beats between them; ends with the channel."""
        while True:
            news = self._news
            while number < self.said:
                number += 1
                if (event := self._events.get(number)) is not None:
                    yield event
            if self.is_over:
                return
            try:
                async with asyncio.timeout(self._beat):
                    await news.wait()
            except TimeoutError:
                yield _BEAT


async def stream(request: web.Request, channel: Channel) -> web.StreamResponse:
    """Answer with what is said in ``channel``, from where the page has heard it."""
    heard = _heard(request.headers.get("Last-Event-ID", ""))
    if channel.is_over and heard >= channel.said:
        return web.Response(status=204)
    response = web.StreamResponse(headers=_HEADERS)
    with suppress(ConnectionError):  # whoever leaves has heard enough
        await response.prepare(request)
        async for event in channel.after(heard):
            await response.write(event)
        await response.write_eof()
    return response


def _heard(last: str) -> int:
    return int(last) if last.isascii() and last.isdecimal() and len(last) < 10 else 0
