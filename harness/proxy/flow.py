"""Lets faults, which are generators, rewrite an answer that is still on its way.

A fault asks for the next effect and has to be given one; a real answer makes it wait. So the chain of generators runs
in a thread of its own, one for each answer. Whenever it can get no further, it hands over what it has made and waits;
when that is performed, whoever performs it reads more and lets the thread go on. So the two never run at once, nothing
is read before it is wanted, and a client that reads slowly makes the server write slowly.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Self

from fake_server.effects import Effect, Last, Send
from fake_server.frames import Framer
from fake_server.script import Reply, Request, render
from fake_server.wire import Head

Read = Callable[[], Awaitable[bytes | Last]]
"""Reads more of an answer: some bytes, or how it ended."""
_MOST_AHEAD = 64
"""Effects that the thread makes before it waits until they are performed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing(Reply):
    """A reply whose body is still on its way."""

    declared: int = 0
    """The length that its head declares."""

    def size(self) -> int:
        return self.declared


@dataclass(frozen=True, slots=True, kw_only=True)
class _Handed:
    """What the thread has made, and what it waits for."""

    effects: list[Effect]
    reads: bool = False
    """Whether it cannot go on without more of the answer."""
    error: BaseException | None = None
    answer: Future[bytes | Last | None] | None = None
    """Given when it may go on; None when there is nothing more."""


class Flow:
    """The effects of an answer that is on its way, as they come.

    Args:
        read: reads more of the answer; awaited by whoever asks for the next effect.
        note: told of each piece as it came, before any fault, in the thread.
        is_stream: whether it is cut into events.
    """

    def __init__(self, read: Read, note: Callable[[bytes], object], *, is_stream: bool) -> None:
        self._read, self._note, self._is_stream = read, note, is_stream
        self._loop = asyncio.get_running_loop()
        self._effects: Iterator[Effect] = iter(())
        self._made: list[Effect] = []
        self._ready: deque[Effect] = deque()
        self._news: asyncio.Future[_Handed] | None = None
        self._waits: _Handed | None = None
        self._is_closed = False

    def render(self, reply: Callable[[Iterator[Effect]], Reply], request: Request) -> Head:
        """Begin: the reply is made of the body, and rewritten by its faults. Returns the head as it will be sent."""
        head, self._effects = render(reply(self._body()), request)
        return head

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Effect:
        while not self._ready:
            await self._go_on()
        return self._ready.popleft()

    def close(self) -> None:
        """Ask for nothing any more, and let the thread end, wherever it is."""
        self._is_closed = True
        if self._waits is not None and self._waits.answer is not None:
            self._waits.answer.set_exception(_Closed())
        self._waits = None

    async def _go_on(self) -> None:
        """Let the thread make more, of what is read for it."""
        if self._is_closed:
            raise StopAsyncIteration
        more = await self._read() if self._waits is not None and self._waits.reads else None
        self._news = self._loop.create_future()
        if self._waits is None:
            Thread(target=self._run, name="flow", daemon=True).start()
        else:
            assert self._waits.answer is not None
            waits, self._waits = self._waits.answer, None
            waits.set_result(more)
        handed = await self._news
        self._ready.extend(handed.effects)
        if handed.error is not None:
            raise handed.error
        if handed.answer is None:
            self._is_closed = True

    def _take(self, handed: _Handed) -> None:
        """The thread has made something; there may be nobody left to want it."""
        assert self._news is not None
        if not self._is_closed:
            self._waits = handed if handed.answer is not None else None
        elif handed.answer is not None:
            handed.answer.set_exception(_Closed())
        if not self._news.done():
            self._news.set_result(handed)

    # ---- in the thread

    def _run(self) -> None:
        with suppress(_Closed):
            try:
                for effect in self._effects:
                    self._made.append(effect)
                    if len(self._made) == _MOST_AHEAD:
                        self._hand_over(reads=False)
                self._post(_Handed(effects=self._made))
            except _Closed:
                raise
            except Exception as error:  # noqa: BLE001 - it is raised where the effects are wanted
                self._post(_Handed(effects=self._made, error=error))

    def _hand_over(self, *, reads: bool) -> bytes | Last | None:
        """Hand over what there is, and wait until more is wanted."""
        answer: Future[bytes | Last | None] = Future()
        made, self._made = self._made, []
        self._post(_Handed(effects=made, reads=reads, answer=answer))
        return answer.result()

    def _post(self, handed: _Handed) -> None:
        try:
            self._loop.call_soon_threadsafe(self._take, handed)
        except RuntimeError:  # the loop has ended, and everything with it
            raise _Closed from None

    def _body(self) -> Iterator[Effect]:
        framer = Framer()
        while isinstance(more := self._hand_over(reads=True), bytes):
            yield from map(self._noted, framer.take(more) if self._is_stream else (Send(more),))
        yield from map(self._noted, framer.rest())
        assert more is not None
        yield more

    def _noted(self, piece: Send) -> Send:
        self._note(piece.data)
        return piece


class _Closed(Exception):
    """Nobody waits for the answer any more."""
