"""Asks about a prompt that is too large for one request, with any client.

    from client_under_test.large import in_parts

    answer = await in_parts(client.complete, request, max_tokens=150_000)

What is sent is decided by :mod:`client_under_test.prompt_parts`, by what :mod:`client_under_test.prompt_size` measures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from client_under_test.answer import Answer
from client_under_test.errors import RequestRefused
from client_under_test.prompt_parts import MAP_PROMPT, MAX_PARTS, REDUCE_PROMPT, Ask, PartUnusable, Plan, plan, split
from client_under_test.prompt_size import Part, PartTooLarge, PromptLimits, check, largest, measure

__all__ = [
    "Part",
    "PartTooLarge",
    "PartUnusable",
    "PromptLimits",
    "check",
    "in_parts",
    "in_parts_sync",
    "largest",
    "measure",
    "split",
]


async def in_parts(
    complete: Callable[[dict[str, Any]], Awaitable[Answer]],
    request: Mapping[str, Any],
    *,
    max_tokens: int,
    map_prompt: str = MAP_PROMPT,
    reduce_prompt: str = REDUCE_PROMPT,
    max_parts: int = MAX_PARTS,
    at_once: int = 4,
) -> Answer:
    """Ask at once when the request fits, otherwise in parts; their answers are combined by one more request.

    The longest text of the last user message is what is split. Put the question somewhere else, into ``system`` or a
    block of its own: it goes with every part.

    Args:
        complete: sends one request; raises, or tells what went wrong in ``Answer.error``.
        request: the JSON body of a Messages request; it is not changed.
        max_tokens: for each prompt, estimated: the model's context window without what the answer needs.
        map_prompt: what is said before each part; ``{part}`` and ``{parts}`` are its number and how many there are.
        reduce_prompt: what is said before the answers to the parts.
        max_parts: into how many parts a text is split at most.
        at_once: how many requests are under way at a time.

    Returns:
        The answer to the last request; its usage is that of this request alone.

    Raises:
        PartTooLarge: when it cannot be done in ``max_parts``, or nothing is left to split.
        PartUnusable: when a part was answered with anything but a whole text.
        StreamError: the first error of a part; a note says of which one. All other requests are cancelled.
    """
    if at_once < 1:
        raise ValueError(f"at_once must be at least 1, not {at_once}")
    steps = plan(
        request, max_tokens=max_tokens, map_prompt=map_prompt, reduce_prompt=reduce_prompt, max_parts=max_parts
    )
    try:
        asks = next(steps)
        while True:
            asks = _go_on(steps, await _together(complete, asks, at_once))
    except StopIteration as end:
        return cast(Answer, end.value)


def in_parts_sync(
    complete: Callable[[dict[str, Any]], Answer],
    request: Mapping[str, Any],
    *,
    max_tokens: int,
    map_prompt: str = MAP_PROMPT,
    reduce_prompt: str = REDUCE_PROMPT,
    max_parts: int = MAX_PARTS,
) -> Answer:
    """As :func:`in_parts`, one request after the other: a failed part is the last that was sent."""
    steps = plan(
        request, max_tokens=max_tokens, map_prompt=map_prompt, reduce_prompt=reduce_prompt, max_parts=max_parts
    )
    try:
        asks = next(steps)
        while True:
            asks = _go_on(steps, _in_turn(complete, asks))
    except StopIteration as end:
        return cast(Answer, end.value)


def _go_on(steps: Plan, came: tuple[Answer, ...] | Exception) -> tuple[Ask, ...]:
    return steps.throw(came) if isinstance(came, Exception) else steps.send(came)


async def _together(
    complete: Callable[[dict[str, Any]], Awaitable[Answer]], asks: tuple[Ask, ...], at_once: int
) -> tuple[Answer, ...] | Exception:
    """The answers in order, or the error of the first request that failed; then the others are cancelled."""
    waiting, answers = iter(enumerate(asks)), {}

    async def some() -> None:
        for number, ask in waiting:
            with _named(ask):
                answers[number] = ask.take(await complete(ask.request))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in asks[:at_once]:
                group.create_task(some())
    except ExceptionGroup as failed:
        return cast(Exception, failed.exceptions[0])
    return tuple(answers[number] for number in range(len(asks)))


def _in_turn(complete: Callable[[dict[str, Any]], Answer], asks: tuple[Ask, ...]) -> tuple[Answer, ...] | Exception:
    answers = []
    for ask in asks:
        try:
            with _named(ask):
                answers.append(ask.take(complete(ask.request)))
        except RequestRefused as error:
            return error
    return tuple(answers)


@contextmanager
def _named(ask: Ask) -> Iterator[None]:
    """An error tells of which request it is."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in {ask.name}")
        raise
