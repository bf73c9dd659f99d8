"""Retry and fallback for a streaming function that somebody already has, whatever it is built on.

    @resilient
    async def answer(prompt):
        async with anthropic.messages.stream(...) as stream:
            async for text in stream.text_stream:
                yield text

    async for event in answer("Hello"):
        ...

The function yields pieces of text and returns when the answer is whole: that it is whole is its promise, for nobody
else can tell. What it raises is classified by what it carries (a status, a cause of httpx or of a connection); any
other exception is a fault of the function and goes on unchanged. A second call is expected to say the answer again
from its start: what it repeats is not shown again, and if it says something else a reset comes first. An asynchronous
function that yields nothing for ``limits.progress`` seconds is left.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from functools import wraps
from random import Random
from typing import Any, TypeAlias

from client_under_test.display import Display, Shown
from client_under_test.errors import Stalled, StreamError
from client_under_test.events import Next, Notice, Reset, Text
from client_under_test.policy import Policy
from client_under_test.route import Route
from client_under_test.targets import Target
from client_under_test.transport import recognised

Function: TypeAlias = Callable[..., Any]
"""A generator function of pieces of text, asynchronous or not."""


def resilient(
    function: Function | None = None,
    *,
    policy: Policy | None = None,
    fallbacks: Sequence[Function] = (),
    chance: Random | None = None,
) -> Function:
    """Give ``function`` retries with backoff, and other functions to ask when it fails.

    Args:
        function: an (asynchronous) generator function that yields text.
        policy: its retry rules are used.
        fallbacks: functions of the same kind and with the same arguments, asked in order.
        chance: the source of jitter.

    Returns:
        A function of the same kind that yields :class:`~client_under_test.events.Text`,
        :class:`~client_under_test.events.Reset` and :class:`~client_under_test.events.Notice`, and raises a
        :class:`~client_under_test.errors.StreamError` with the partial text when nothing helps.

    Raises:
        TypeError: ``function`` is no generator function.
    """
    if function is None:
        return lambda found: resilient(found, policy=policy, fallbacks=fallbacks, chance=chance)
    functions = (function, *fallbacks)
    retry = _Retries(functions, policy or Policy(), chance or Random())
    if all(inspect.isasyncgenfunction(one) for one in functions):
        return wraps(function)(lambda *args, **named: _asynchronous(retry.begin(), args, named))
    if all(inspect.isgeneratorfunction(one) for one in functions):
        return wraps(function)(lambda *args, **named: _synchronous(retry.begin(), args, named))
    raise TypeError("resilient() takes generator functions, all of them asynchronous or none")


def classified(error: Exception) -> StreamError | None:
    """Our error for what a client library raised; None when it is no failure of a request.

    Told by what the exception carries and never by its wording: a status with headers and body, an exception of httpx
    or httpx2, or one of a connection, anywhere in its chain of causes.
    """
    causes = (ours for one in _causes(error) if (ours := recognised(one, answered=True)) is not None)
    ours = next(causes, None)
    if ours is not None and ours is not error:
        ours.__cause__ = error
    return ours


def _causes(error: BaseException | None) -> Iterator[Exception]:
    while isinstance(error, Exception):
        yield error
        error = error.__cause__


class _Retries:
    """The functions and the rules; :meth:`begin` makes what one call needs."""

    def __init__(self, functions: Sequence[Function], policy: Policy, chance: Random) -> None:
        self._functions, self._policy, self._chance = functions, policy, chance

    def begin(self) -> _Attempts:
        route = Route([Target() for _ in self._functions], self._policy.retry, self._chance)
        return _Attempts(self._functions, route, self._policy.limits.progress)


class _Attempts:
    """The attempts of one call, and what the reader has seen of them."""

    def __init__(self, functions: Sequence[Function], route: Route, patience: float) -> None:
        self._functions, self._route, self._patience = functions, route, patience
        self._display = Display()
        self._errors: list[StreamError] = []

    def open(self, args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """Call the function whose turn it is."""
        self._display.start_over()
        return self._functions[self._route.place](*args, **named)

    async def timed(self, pieces: AsyncIterator[str]) -> AsyncGenerator[str, None]:
        """``pieces``, as long as they come.

        Raises:
            Stalled: none came for too long.
        """
        while True:
            try:
                async with asyncio.timeout(self._patience) as waiting:
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if not waiting.expired():
                    raise
                raise Stalled(f"the function yielded nothing (limit {self._patience} s)") from None
            yield piece

    def say(self, piece: str) -> Iterator[Text | Reset]:
        """What ``piece`` means for the reader."""
        return _events(self._display.say(piece))

    def finish(self) -> Iterator[Text | Reset]:
        """What the end of the function means for the reader."""
        return _events(self._display.finish())

    def failed(self, error: Exception) -> Notice:
        """What follows after ``error``.

        Raises:
            StreamError: nothing does.
            Exception: ``error`` itself, when it is no failure of a request.
        """
        ours = classified(error)
        if ours is None:
            raise error
        place = self._route.place
        wait = self._route.after(ours, streamed=True)
        if wait is None:
            ours.partial, ours.earlier, ours.attempts = self._display.text, tuple(self._errors), len(self._errors) + 1
            raise ours
        self._errors.append(ours)
        following = Next.RETRY if place == self._route.place else Next.ELSEWHERE
        return Notice(following, len(self._errors) + 1, wait, ours)


def _events(shown: Shown) -> Iterator[Text | Reset]:
    if shown.reset:
        yield Reset()
    if shown.text:
        yield Text(shown.text)


async def _asynchronous(
    attempts: _Attempts, args: tuple[Any, ...], named: Mapping[str, Any]
) -> AsyncGenerator[Text | Reset | Notice, None]:
    while True:
        async with aclosing(attempts.open(args, named)) as pieces, aclosing(attempts.timed(pieces)) as timed:
            while not isinstance(said := await _next_async(timed), Exception | None):
                for event in attempts.say(said):
                    yield event
        if said is None:
            break
        notice = attempts.failed(said)
        yield notice
        await asyncio.sleep(notice.wait)
    for event in attempts.finish():
        yield event


def _synchronous(
    attempts: _Attempts, args: tuple[Any, ...], named: Mapping[str, Any]
) -> Generator[Text | Reset | Notice, None, None]:
    while True:
        with closing(attempts.open(args, named)) as pieces:
            while not isinstance(said := _next(pieces), Exception | None):
                yield from attempts.say(said)
        if said is None:
            break
        notice = attempts.failed(said)
        yield notice
        threading.Event().wait(notice.wait)
    yield from attempts.finish()


def _next(pieces: Iterator[str]) -> str | Exception | None:
    """The next piece, what the function raised, or None when it returned."""
    try:
        return next(pieces, None)
    except Exception as error:
        return error


async def _next_async(pieces: AsyncIterator[str]) -> str | Exception | None:
    try:
        return await anext(pieces, None)
    except Exception as error:
        return error
