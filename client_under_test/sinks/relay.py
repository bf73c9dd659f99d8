"""Streams an answer on to somebody else, as the Messages API would, so that any client of it can read it.

Rules:

1. The stream ends with ``message_stop`` exactly when the answer is whole. Otherwise an ``error`` event is the last
   thing yielded, and then the error is raised: the server must let it through, so that the connection is cut and not
   ended.
2. Nothing is yielded before the first text or the first ping is due. A failure until then is raised with nothing sent,
   so the server can still answer with a status (:func:`refusal`).
3. What was sent cannot be taken back. When the answer starts over after some of it was sent, that is a failure; with
   ``hold`` the text is sent only when the answer is whole, and no failure is visible downstream but a delay.
4. Text is passed on as it comes, in one block; tool calls follow it. Thinking and other blocks are not passed on.
5. Counts of tokens are known at the end, in ``message_delta``; ``message_start`` must have numbers and has zeros.

Source: API reference, "Streaming messages".
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

from client_under_test.answer import Answer, Outcome, ToolCall
from client_under_test.dialects import ANTHROPIC
from client_under_test.errors import (
    AnswerTruncated,
    ApiError,
    NotAuthorized,
    Overloaded,
    RateLimited,
    RequestNotSendable,
    Stalled,
    StreamError,
)
from client_under_test.events import Done, Event, Reset, Text

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
PING_SECONDS = 15.0

_WHOLE = frozenset({Outcome.COMPLETE, Outcome.TRUNCATED, Outcome.REFUSED, Outcome.PAUSED})
"""The outcomes that the API itself ends with ``message_stop``."""

Pause = Callable[[float], Awaitable[object]]


class CannotTakeBack(StreamError):
    """The answer started over after a part of it had been passed on."""


async def relay(
    stream: AsyncIterable[Event],
    *,
    model: str = "",
    hold: bool = False,
    ping: float = PING_SECONDS,
    pause: Pause = asyncio.sleep,
) -> AsyncGenerator[bytes, None]:
    """Yield server-sent events for ``stream``.

    Args:
        stream: what ``StreamClient.stream`` gives; it is closed when the relay ends.
        model: the name to give as the answer's model.
        hold: whether to send text only when the answer is whole.
        ping: seconds without an event after which a ping is sent.
        pause: waits so many seconds.

    Raises:
        StreamError: the answer is not whole; see rules 1 and 2.
    """
    written = _Written(model)
    events = _with_pings(stream, ping, pause)
    try:
        async for event in events:
            for data in written.take(event, hold=hold):
                yield data
        if not written.is_whole:
            raise AnswerTruncated("the events ended, and the answer had not")
    except StreamError as error:
        if written.has_begun:
            yield _event("error", refusal(error)[2])
        raise
    finally:
        await events.aclose()


def refusal(error: StreamError) -> tuple[int, dict[str, str], dict[str, Any]]:
    """The HTTP status, the headers (with lower-case names, and without those of every response) and the JSON body with
    which the API would report ``error``.

    That the relay itself was not let in is all that is told of it: the key is its own, and no business of who asks it.
    """
    status, kind = _kind(error)
    message = "the relay is not authorized" if isinstance(error, NotAuthorized) else error.message
    wait = error.retry_after if isinstance(error, ApiError) else None
    headers = {} if wait is None else {"retry-after": str(math.ceil(wait))}
    return status, headers, {"type": "error", "error": {"type": kind, "message": message}}


def _kind(error: StreamError) -> tuple[int, str]:
    match error:
        case RateLimited():
            return 429, "rate_limit_error"
        case Overloaded():
            return 529, "overloaded_error"
        case Stalled():
            return 504, "timeout_error"
        case RequestNotSendable():
            return 400, "invalid_request_error"
        case ApiError() if not error.retryable and not isinstance(error, NotAuthorized):
            return error.status if 400 <= error.status < 500 else 400, error.kind or "invalid_request_error"
        case _:
            return 500, "api_error"


class _Written:
    """The events written so far."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._sent = ""
        self.has_begun = False
        self.is_whole = False

    def take(self, event: Event | None, *, hold: bool) -> Iterator[bytes]:
        """What to write for the next event; None is a ping."""
        if event is None:
            yield from self._begin()
            yield PING
        elif isinstance(event, Text) and not hold:
            yield from self._text(event.text)
        elif isinstance(event, Reset) and self._sent:
            raise CannotTakeBack("the answer starts over, and a part of it had been passed on", partial=self._sent)
        elif isinstance(event, Done):
            yield from self._end(event.answer)

    def _begin(self) -> Iterator[bytes]:
        if not self.has_begun:
            self.has_begun = True
            usage = {"input_tokens": 0, "output_tokens": 0}
            named = {"id": f"msg_{uuid4().hex}", "type": "message", "role": "assistant", "model": self._model}
            empty: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
            yield _event("message_start", {"message": {**named, **empty}})

    def _text(self, text: str) -> Iterator[bytes]:
        if text:
            yield from self._begin()
            if not self._sent:
                yield _event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
            self._sent += text
            yield _event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": text}})

    def _end(self, answer: Answer) -> Iterator[bytes]:
        if answer.outcome not in _WHOLE:
            raise answer.error or AnswerTruncated(f"the answer is {answer.outcome.value}", partial=answer.text)
        if not answer.text.startswith(self._sent):
            raise CannotTakeBack("the answer is not what was passed on of it", partial=self._sent)
        yield from self._text(answer.text[len(self._sent) :])
        yield from self._begin()
        if self._sent:
            yield _event("content_block_stop", {"index": 0})
        for index, call in enumerate(answer.tool_calls, start=1 if self._sent else 0):
            yield from _tool_call(index, call)
        delta = {"stop_reason": _reason(answer), "stop_sequence": answer.stop_sequence}
        yield _event("message_delta", {"delta": delta, "usage": dict(answer.usage)})
        yield _event("message_stop", {})
        self.is_whole = True


def _reason(answer: Answer) -> str | None:
    """Why the model stopped, in the words of the API that is relayed; the answer may come from another one."""
    if answer.stop_reason in ANTHROPIC.outcomes:
        return answer.stop_reason
    return "tool_use" if answer.tool_calls else _REASONS[answer.outcome]


_REASONS = {
    Outcome.COMPLETE: "end_turn",
    Outcome.TRUNCATED: "max_tokens",
    Outcome.REFUSED: "refusal",
    Outcome.PAUSED: "pause_turn",
}


def _tool_call(index: int, call: ToolCall) -> Iterator[bytes]:
    block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
    yield _event("content_block_start", {"index": index, "content_block": block})
    delta = {"type": "input_json_delta", "partial_json": json.dumps(call.input)}
    yield _event("content_block_delta", {"index": index, "delta": delta})
    yield _event("content_block_stop", {"index": index})


def _event(name: str, fields: dict[str, Any]) -> bytes:
    # JSON in ASCII has no line break and no character that could fail to encode.
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode("ascii")


async def _with_pings(stream: AsyncIterable[Event], ping: float, pause: Pause) -> AsyncGenerator[Event | None, None]:
    """The events, and None whenever ``ping`` seconds passed without one."""
    events = aiter(stream)
    coming: asyncio.Future[Event] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(events))
            if not await _comes(coming, ping, pause):
                yield None
                continue
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield event
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        for one in (events, stream):
            if (aclose := getattr(one, "aclose", None)) is not None:
                await aclose()


async def _comes(coming: asyncio.Future[Event], seconds: float, pause: Pause) -> bool:
    """Whether ``coming`` is there within ``seconds``."""
    timer = asyncio.ensure_future(_wait(pause, seconds))
    waits: set[asyncio.Future[Any]] = {coming, timer}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
    return coming.done()


async def _wait(pause: Pause, seconds: float) -> None:
    await pause(seconds)
