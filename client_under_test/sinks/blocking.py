"""A blocking stream, read by a thread of its own, for the event loop that sinks live on."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from concurrent.futures import ThreadPoolExecutor

from client_under_test.events import Event

_READ_AHEAD_EVENTS = 256


async def read_in_thread(stream: Iterable[Event]) -> AsyncGenerator[Event, None]:
    """The events of ``stream``, as they come.

    The thread reads ahead of a slow reader, some hundred events at most. A reader that leaves early cancels the stream,
    where it can be cancelled, and waits until the thread has left it.

    Args:
        stream: what ``SyncStreamClient.stream`` gives, or any other iterable of events.

    Raises:
        StreamError: as ``stream`` does.
    """
    mail = _Mail(asyncio.get_running_loop())
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stream of sinks")
    reading = asyncio.get_running_loop().run_in_executor(thread, mail.fill, stream)
    reading.add_done_callback(lambda _: mail.news.set())
    try:
        while not reading.done() or mail.arrived:
            await mail.news.wait()
            for event in mail.take():
                yield event
        await reading
    finally:
        mail.leave()
        if (cancel := getattr(stream, "cancel", None)) is not None:
            cancel()
        await asyncio.wait({reading})
        if (close := getattr(stream, "close", None)) is not None:
            close()
        thread.shutdown(wait=False)


class _Mail:
    """What the thread has read and the loop has not handled yet.

    The loop is woken once for all that arrives until it looks: to change between two threads at each event takes
    seconds for a long answer where other threads are busy.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.arrived: deque[Event] = deque()
        self.news = asyncio.Event()
        self._loop = loop
        self._told = False
        self._room = threading.Semaphore(_READ_AHEAD_EVENTS)
        self._left = False

    def fill(self, stream: Iterable[Event]) -> None:
        """Read ``stream`` to its end, or until the reader has left. For the thread."""
        for event in stream:
            self._room.acquire()
            if self._left:
                return
            self.arrived.append(event)
            if not self._told:
                self._told = True
                self._loop.call_soon_threadsafe(self.news.set)

    def take(self) -> Iterable[Event]:
        """All that has arrived."""
        self.news.clear()
        self._told = False
        while self.arrived:
            yield self.arrived.popleft()
            self._room.release()

    def leave(self) -> None:
        """Let the thread go: nobody wants the rest."""
        self._left = True
        self._room.release()
