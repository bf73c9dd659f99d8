# /// script
# dependencies = ["aiohttp-sse-client2>=0.3,<0.4", "aiohttp>=3.14,<4"]
#
# [tool.streamproof]
# name = "aiohttp-sse-client2"
# ///
"""`aiohttp-sse-client2` on a response whose body is there; it gets its lines from aiohttp's reader."""

import asyncio
from types import SimpleNamespace

from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp_sse_client2.client import EventSource
from worker import serve


class _Response:
    def __init__(self, content):
        self.status, self.content = 200, content


class _Over(Exception):
    """The body ended, and the client would ask once more."""


async def _read(chunks):
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    content = StreamReader(protocol, 1 << 30, loop=loop)
    source = EventSource("http://127.0.0.1/", session=SimpleNamespace())
    source._response, source._on_error = _Response(content), _over
    for chunk in chunks:
        content.feed_data(chunk)
    content.feed_eof()
    events = []  # kept when the iteration ends by an exception, as it does
    try:
        async for event in source:
            events.append(event)  # noqa: PERF401
    except _Over:
        pass
    return events


def _over():
    raise _Over


def parse(chunks):
    return asyncio.run(_read(chunks))


def tell(event):
    return event.message, event.data, event.last_event_id


serve(parse, tell=tell)
