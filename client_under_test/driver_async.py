"""Drives sessions over httpx (or httpx2) and asyncio. Thin: every judgement is the session's.

A reader that stops reading makes the socket stop too: at most 1 MiB waits here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Self, assert_never

from client_under_test.answer import Answer
from client_under_test.call import Call, taken
from client_under_test.client import ClientSettings
from client_under_test.events import Done, Event
from client_under_test.signals import (
    BodyEnded,
    BytesReceived,
    Deliver,
    Drop,
    Input,
    Open,
    TimerFired,
    TransportFailed,
)
from client_under_test.transport import Inflater, head_of, mapped, no_cookies, tls

_DRAIN_SECONDS = 0.1
_READ_AHEAD_BYTES = 1 << 20
_LATE_LOOP_SECONDS = 0.005
"""When the timer fires the socket is looked at once more: an event loop that was late may have bytes waiting."""


class StreamClient(ClientSettings):
    """A client for streamed answers that recovers, or says honestly that it could not.

    Args:
        http: an ``AsyncClient`` of httpx or httpx2 to use instead of one of our own; it is not closed.
        settings: those of :class:`~client_under_test.client.ClientSettings`.
    """

    def __init__(self, *, http: Any = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._given = http
        self._own: Any = None
        self._is_closed = False
        self._closing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections of this client."""
        if self._closing:
            await asyncio.wait(self._closing)
        own, self._own, self._is_closed = self._own, None, True
        if own is not None:
            await own.aclose()

    def stream(self, request: Mapping[str, Any], *, sentences: bool = True) -> AnswerStream:
        """Ask, and get the events of the answer as they come; see :class:`AnswerStream`.

        Args:
            request: the JSON body of a request in the client's dialect (``model``, ``messages``...).
            sentences: whether text comes in sentences as well; finding them is half of what a call costs here.
        """
        return AnswerStream(self.call(request, sentences=sentences), self)

    async def complete(self, request: Mapping[str, Any]) -> Answer:
        """Ask and wait for the end.

        Raises:
            StreamError: as :class:`AnswerStream` does.
        """
        async with self.stream(request, sentences=False) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event.answer
        raise RuntimeError("a call ended without an answer")

    async def connect(self, opening: Open) -> AsyncGenerator[Input, None]:
        """One HTTP exchange as inputs of a session; closing it ends the connection."""
        answered = False
        try:
            async with self._http().stream(**self.sent(opening)) as response:
                answered = True
                head = head_of(response)
                yield head
                inflater = Inflater(head.headers.get("content-encoding", ""))
                async for data in response.aiter_raw():
                    for piece in inflater.pieces(data):
                        yield BytesReceived(piece)
                yield BodyEnded()
        except Exception as error:  # the one edge at which foreign exceptions become ours
            yield TransportFailed(mapped(error, answered=answered, dialect=opening.dialect))

    def _http(self) -> Any:
        if self._given is None and self._own is None:
            if self._is_closed:
                raise RuntimeError("this client is closed")
            self._own = _own_http()
        return self._given or self._own

    async def left(self, reader: asyncio.Task[None]) -> None:
        """End an exchange; where connections are kept, its end is awaited for a moment, behind the caller's back."""
        if not self.reuse_connections:
            await _cancelled(reader)
            return
        closing = asyncio.create_task(_drained(reader))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


class AnswerStream:
    """One call. ``async for`` gives its events; the last one is :class:`~client_under_test.events.Done`.

    A loop that is left early closes the connection; ``async with`` around it does so without waiting for the garbage
    collector.

    Raises:
        StreamError: from the loop, when the answer is not whole and cannot be made whole. Its ``partial`` is what was
            shown.
    """

    def __init__(self, call: Call, client: StreamClient) -> None:
        self._drive = _Drive(call, client)
        self._begun = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[Event]:
        if self._begun:
            raise RuntimeError("a stream can be read once; ask again for another answer")
        self._begun = True
        return self._events()

    def cancel(self) -> None:
        """End the call, from any task or thread: its connection is closed, the loop gets what came, and ``Done``."""
        self._drive.cancel()

    async def aclose(self) -> None:
        """Close the connection, if one is open."""
        await self._drive.aclose()

    async def _events(self) -> AsyncGenerator[Event, None]:
        try:
            while (event := await self._drive.next_event()) is not None:
                if isinstance(event, Done) and event.answer.error is not None:
                    raise event.answer.error
                yield event
        finally:
            await self._drive.aclose()


class _Drive:
    """Carries out one session's actions and feeds it what happens."""

    def __init__(self, call: Call, client: StreamClient) -> None:
        self._call, self._client = call, client
        self._mail = _Mailbox()
        self._reader: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._cancelled = False

    async def next_event(self) -> Event | None:
        """The next event for the caller, None after the last."""
        call, self._loop = self._call, asyncio.get_running_loop()
        if not self._cancelled:
            call.resume()
        while True:
            if self._cancelled:
                call.cancel()
            if (event := await self._act()) is not None:
                call.leave()
                return event
            if call.over:
                return None
            happened = await self._next_input()
            if not self._cancelled:
                call.feed(happened)

    def cancel(self) -> None:
        """See :meth:`AnswerStream.cancel`."""
        self._cancelled = True
        if self._loop is None or self._loop is _running_loop():
            self._wake()
        else:
            self._loop.call_soon_threadsafe(self._wake)

    async def aclose(self) -> None:
        """End the call, if it is not over, and close the connection; whoever waits for an event is woken."""
        self._cancelled = True
        self._call.cancel()
        self._call.actions.clear()
        self._mail.wake()
        await self._drop()

    def _wake(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        self._mail.wake()

    async def _act(self) -> Event | None:
        """Carry out what is to be done, up to the next event."""
        while self._call.actions:
            action = self._call.actions.popleft()
            match action:
                case Deliver(event):
                    return event
                case Open():
                    self._mail = _Mailbox()
                    self._reader = asyncio.create_task(self._mail.fill(self._client.connect(action)))
                case Drop():
                    await self._drop()
                case _:
                    assert_never(action)
        return None

    async def _next_input(self) -> Input:
        """Whatever comes first: something on the connection, or the timer."""
        happened = await self._mail.take(self._call.timeout)
        if happened is None and self._reader is not None and not self._cancelled:
            happened = await self._mail.take(_LATE_LOOP_SECONDS)
        return happened or TimerFired()

    async def _drop(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            self._mail.close()
            await self._client.left(reader)


class _Mailbox:
    """What has happened on one connection and was not handled yet. When it is full the socket is not read."""

    def __init__(self) -> None:
        self._arrived: deque[Input] = deque()
        self._size = 0
        self._is_closed = False
        self._news, self._room = asyncio.Event(), asyncio.Event()

    async def fill(self, inputs: AsyncGenerator[Input, None]) -> None:
        """Read one exchange to its end."""
        async with aclosing(inputs):
            async for happened in inputs:
                if self._is_closed:
                    continue
                self._arrived.append(happened)
                self._news.set()
                self._size += len(happened.data) if isinstance(happened, BytesReceived) else 0
                if self._size > _READ_AHEAD_BYTES:
                    self._room.clear()
                    await self._room.wait()

    async def take(self, timeout: float | None) -> Input | None:
        """What has happened, bytes that are here as one; None when nothing does for ``timeout`` seconds, or when
        it is woken."""
        if self._arrived:
            await asyncio.sleep(0)  # a burst leaves the others on the loop their turn
        else:
            self._room.set()
            try:
                async with asyncio.timeout(timeout):
                    await self._news.wait()
            except TimeoutError:
                return None
        self._news.clear()
        if not self._arrived:
            return None
        happened = taken(self._arrived)
        self._size -= len(happened.data) if isinstance(happened, BytesReceived) else 0
        if self._arrived:
            self._news.set()
        return happened

    def wake(self) -> None:
        """Let :meth:`take` return."""
        self._news.set()

    def close(self) -> None:
        """Take nothing any more; a reader that waits for room goes on."""
        self._is_closed = True
        self._arrived.clear()
        self._room.set()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def _cancelled(reader: asyncio.Task[None]) -> None:
    reader.cancel()
    await asyncio.wait({reader})


async def _drained(reader: asyncio.Task[None]) -> None:
    await asyncio.wait({reader}, timeout=_DRAIN_SECONDS)
    await _cancelled(reader)


def _own_http() -> Any:
    import httpx

    return httpx.AsyncClient(verify=tls(), cookies=no_cookies(), limits=httpx.Limits(max_connections=None))
