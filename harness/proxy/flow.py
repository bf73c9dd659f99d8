"""Lets faults, which are generators, rewrite an answer that is still on its way.

A fault asks for the next effect and has to be given one; a real answer makes it wait. So the chain of generators runs
in a thread of its own, one for each answer, and its source waits there for the event loop to have read more.
Nothing is read before it is asked for, so a client that reads slowly makes the server write slowly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any, Self

from fake_server.effects import Effect, Last, Send
from fake_server.frames import Framer
from fake_server.script import Reply, Request, render
from fake_server.wire import Head

Read = Callable[[], Awaitable[bytes | Last]]
"""Reads more of an answer: some bytes, or how it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing(Reply):
    """A reply whose body is still on its way."""

    declared: int = 0
    """The length that its head declares."""

    def size(self) -> int:
        return self.declared


class Flow:
    """The effects of an answer that is on its way, as they come.

    Args:
        read: reads more of the answer, on the event loop.
        note: told of each piece as it came, before any fault, in the thread.
        is_stream: whether it is cut into events.
    """

    def __init__(self, read: Read, note: Callable[[bytes], object], *, is_stream: bool) -> None:
        self._read, self._note, self._is_stream = read, note, is_stream
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="flow")
        self._lock = Lock()
        self._asked: Future[bytes | Last] | None = None
        self._reads: asyncio.Task[Any] | None = None
        self._is_closed = False
        self._effects: Iterator[Effect] = iter(())

    def render(self, reply: Callable[[Iterator[Effect]], Reply], request: Request) -> Head:
        """Begin: the reply is made of the body, and rewritten by its faults. Returns the head as it will be sent."""
        head, self._effects = render(reply(self._body()), request)
        return head

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Effect:
        effect = await self._loop.run_in_executor(self._thread, next, self._effects, None)
        if effect is None:
            raise StopAsyncIteration
        return effect

    async def close(self) -> None:
        """Ask for nothing any more, let the thread end, wherever it is, and wait until nothing is read."""
        with self._lock:
            self._is_closed = True
            asked = self._asked
        if asked is not None:
            asked.cancel()
        self._thread.shutdown(wait=False)
        if self._reads is not None:
            self._reads.cancel()
            await asyncio.wait((self._reads,))

    def _body(self) -> Iterator[Effect]:
        framer = Framer()
        while isinstance(more := self._ask(), bytes):
            yield from map(self._noted, framer.take(more) if self._is_stream else (Send(more),))
        yield from map(self._noted, framer.rest())
        yield more

    def _noted(self, piece: Send) -> Send:
        self._note(piece.data)
        return piece

    def _ask(self) -> bytes | Last:
        """In the thread: what the event loop reads next."""
        with self._lock:
            if self._is_closed:
                raise _Closed
            self._asked = asyncio.run_coroutine_threadsafe(self._reading(), self._loop)
        return self._asked.result()

    async def _reading(self) -> bytes | Last:
        self._reads = asyncio.current_task()
        return await self._read()


class _Closed(Exception):
    """Nobody waits for the answer any more."""
