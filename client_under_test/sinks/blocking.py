"""A blocking stream, read by a thread of its own, for the event loop that sinks live on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from concurrent.futures import ThreadPoolExecutor

from client_under_test.events import Event


async def read_in_thread(stream: Iterable[Event]) -> AsyncGenerator[Event, None]:
    """The events of ``stream``, as they come.

    A reader that leaves early cancels the stream, where it can be cancelled, and waits until the thread has left it.

    Args:
        stream: what ``SyncStreamClient.stream`` gives, or any other iterable of events.

    Raises:
        StreamError: as ``stream`` does.
    """
    loop, events = asyncio.get_running_loop(), iter(stream)
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stream of sinks")
    coming: asyncio.Future[Event | None] | None = None
    try:
        while True:
            coming = loop.run_in_executor(thread, next, events, None)
            event = await asyncio.shield(coming)
            if event is None:
                return
            yield event
    finally:
        if (cancel := getattr(stream, "cancel", None)) is not None:
            cancel()
        if coming is not None:
            await asyncio.wait({coming})
        if (close := getattr(stream, "close", None)) is not None:
            close()
        thread.shutdown(wait=False)
