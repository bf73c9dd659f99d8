"""Feeds one stream to any number of sinks.

Rules:

1. Every sink is given every event, in order, and is finished exactly once, whatever happens.
2. A sink that raises is given no more events; the others and the answer go on.
3. The sinks know how the stream ended before the caller does.
4. A caller that is cancelled waits for its sinks ``grace`` seconds and no longer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Awaitable, Iterable, Sequence
from contextlib import AsyncExitStack

from client_under_test.answer import Answer
from client_under_test.errors import AnswerTruncated, StreamError
from client_under_test.events import Done, Event
from client_under_test.sinks.blocking import read_in_thread
from client_under_test.sinks.sink import Begins, Sink, SinksFailed
from client_under_test.sinks.view import View

_LOG = logging.getLogger("client_under_test")


class Interrupted(StreamError):
    """What sinks are told when the stream was left before its end: the caller was cancelled, or the stream broke."""

    retryable = False


async def deliver(stream: AsyncIterable[Event] | Iterable[Event], *sinks: Sink, grace: float = 5.0) -> Answer:
    """Give every event of ``stream`` to all ``sinks`` and finish them; returns the answer.

    Args:
        stream: what ``StreamClient.stream`` gives, or any other events that end with ``Done``. A blocking one, as of
            ``SyncStreamClient``, is read by a thread.
        sinks: where the answer goes.
        grace: seconds that the sinks have left when the caller is cancelled.

    Raises:
        StreamError: the answer is not whole; sinks that failed, too, are in its notes.
        SinksFailed: the answer is whole and a sink failed; it holds the answer and the failures.
    """
    guards = [_Guard(sink) for sink in sinks]
    heard = View()
    try:
        events = stream if isinstance(stream, AsyncIterable) else read_in_thread(stream)
        answer = await _feed(events, guards, heard)
    except StreamError as error:
        await _finish(guards, error, grace)
        for failure in _failures(guards):
            error.add_note(f"a sink failed, too: {failure}")
        raise
    except BaseException as cause:
        told = Interrupted("the stream was left before its end", partial=heard.text)
        told.__cause__ = cause
        await _finish(guards, told, grace, hurry=True)
        raise
    await _finish(guards, None, grace)
    if failures := _failures(guards):
        raise SinksFailed(failures, answer)
    return answer


async def _feed(stream: AsyncIterable[Event], guards: Sequence[_Guard], heard: View) -> Answer:
    async with AsyncExitStack() as stack:
        if (aclose := getattr(stream, "aclose", None)) is not None:
            stack.push_async_callback(aclose)
        for guard in guards:
            await guard.begin()
        answer = None
        async for event in stream:
            heard.take(event)
            for guard in guards:
                await guard.take(event)
            answer = event.answer if isinstance(event, Done) else answer
    if answer is None:
        raise AnswerTruncated("the events ended, and the answer had not", partial=heard.text)
    return answer


async def _finish(guards: Sequence[_Guard], error: StreamError | None, grace: float, *, hurry: bool = False) -> None:
    """Finish all sinks at the same time; in a hurry, or when the caller is cancelled, within ``grace`` seconds."""
    finishing = asyncio.gather(*(guard.finish(error) for guard in guards))
    try:
        if not hurry:
            await asyncio.shield(finishing)
    except asyncio.CancelledError:
        await _end(finishing, grace)
        raise
    if hurry:
        await _end(finishing, grace)


async def _end(finishing: asyncio.Future[list[None]], grace: float) -> None:
    try:
        await asyncio.wait({finishing}, timeout=grace)
    finally:
        if not finishing.done():
            _LOG.warning("a sink had not finished %g seconds after the stream was left", grace)
            finishing.cancel()


def _failures(guards: Sequence[_Guard]) -> list[Exception]:
    return [failure for guard in guards for failure in guard.failures]


class _Guard:
    """A sink whose failures are kept for later."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.failures: list[Exception] = []

    async def begin(self) -> None:
        if isinstance(self._sink, Begins):
            await self._keep_failure(self._sink.begin())

    async def take(self, event: Event) -> None:
        if not self.failures:
            await self._keep_failure(self._sink.take(event))

    async def finish(self, error: StreamError | None) -> None:
        await self._keep_failure(self._sink.finish(error))

    async def _keep_failure(self, call: Awaitable[None]) -> None:
        try:
            await call
        except Exception as failure:  # noqa: BLE001 - whatever a sink raises must not break the answer
            self.failures.append(failure)
            _LOG.exception("a sink failed; the answer goes on")
