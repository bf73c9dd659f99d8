"""OpenAI's chat completions, as OpenAI and many others send them: chunks and JSON bodies into typed values.

Rules:

1. The end is a ``finish_reason`` or ``[DONE]``. Without both nothing is whole, however the body ends (vercel/ai#19165,
   pydantic/pydantic-ai#6610). ``[DONE]`` alone is enough, if anything was said before it, for some servers never give
   a reason (pydantic/pydantic-ai#2996, #3045).
2. A chunk may have no choices: first (Azure), in the middle, or last with the usage (deepset-ai/haystack#8507).
3. A chunk with ``error`` is an error, whatever else it has (BerriAI/litellm#40578); so is the reason ``error``.
4. Only the choice with index 0 is read: of several answers one is shown. Others are passed over.
5. Tool calls are told when the turn has ended, because only then it is certain which piece belongs to which
   (:mod:`client_under_test.dialects.openai_calls`).
6. A refusal (``delta.refusal``) is no text: it makes the outcome ``refused``, and what it says is kept beside.
7. Other fields of a delta (``reasoning_content``, ``annotations``, ``audio``) are kept as they came.

Source: API reference, "Chat completions: streaming".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from client_under_test.answer import Outcome
from client_under_test.dialects.dialect import Dialect, Reader
from client_under_test.dialects.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    ErrorReported,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    NoContent,
    Progress,
)
from client_under_test.dialects.openai import OpenAi
from client_under_test.dialects.openai_calls import Calls, Piece
from client_under_test.dialects.reading import decode_object, snippet, text_or_none
from client_under_test.errors import ProtocolError
from client_under_test.sse import SseEvent

_TEXT, _REFUSAL, _OTHER, _FIRST_CALL = 0, 1, 2, 3
"""Indexes of blocks."""
_BLOCKS: Mapping[int, Mapping[str, Any]] = {
    _TEXT: {"type": "text", "text": ""},
    _REFUSAL: {"type": "refusal", "refusal": ""},
    _OTHER: {"type": "other"},
}
_UNDERSTOOD = ("role", "content", "refusal", "tool_calls", "function_call")
"""Fields of a delta that are read, or say nothing."""


class OpenAiChat(OpenAi):
    """``POST /v1/chat/completions``."""

    path = "/chat/completions"
    turns = "messages"
    limits = ("max_completion_tokens", "max_tokens")
    outcomes: Mapping[str | None, Outcome] = {
        "stop": Outcome.COMPLETE,
        "tool_calls": Outcome.COMPLETE,
        "function_call": Outcome.COMPLETE,
        None: Outcome.COMPLETE,
        "length": Outcome.TRUNCATED,
        "content_filter": Outcome.REFUSED,
    }
    calling = frozenset({"tool_calls", "function_call"})
    going_on: frozenset[str] = frozenset()

    def asking(self, request: Mapping[str, Any], *, streams: bool) -> dict[str, Any]:
        """With a stream its usage, unless the caller says otherwise; without one the API refuses ``stream_options``."""
        if streams:
            return {"stream_options": {"include_usage": True}, **request, "stream": True}
        return {**{name: value for name, value in request.items() if name != "stream_options"}, "stream": False}

    def reader(self) -> Reader:
        """A reader of chunks."""
        return _Chunks(self)

    def whole(self, body: Mapping[str, Any]) -> Iterator[Event]:
        """A ``chat.completion``, or an error object."""
        if body.get("error"):
            yield ErrorReported(self.error_in_stream(json.dumps(body).encode()))
        choice = _choice(body)
        message = None if choice is None else choice.get("message")
        if choice is None or not isinstance(message, dict):
            raise ProtocolError(f"expected a chat completion, got JSON with object {body.get('object')!r}")
        said = _Said()
        yield MessageStart({"id": body.get("id"), "model": body.get("model")})
        try:
            yield from said.delta(message)
            yield from said.end(_reason(choice))
        except (KeyError, TypeError, AttributeError) as error:
            raise ProtocolError(f"the chat completion lacks or misuses field {error}") from error
        yield from _usage(body, is_last=True)
        yield MessageStop()

    def sent_back(self, content: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        """An assistant message with the text and the tool calls, or nothing."""
        blocks = tuple(content)
        text = "".join(block["text"] for block in blocks if block["type"] == "text")
        calls = [_call(block) for block in blocks if block["type"] == "tool_use"]
        if not text and not calls:
            return ()
        return ({"role": "assistant", "content": text or None, **({"tool_calls": calls} if calls else {})},)


class _Chunks:
    """Reads one stream."""

    def __init__(self, dialect: OpenAiChat) -> None:
        self._dialect = dialect
        self._said = _Said()
        self._has_begun = False

    def read(self, arrived: Iterable[SseEvent]) -> Iterator[Event]:
        """See :class:`~client_under_test.dialects.dialect.Reader`."""
        for sse in arrived:
            yield from self._one(sse)

    def _one(self, sse: SseEvent) -> Iterator[Event]:
        if sse.name == "error":
            yield ErrorReported(self._dialect.error_in_stream(sse.raw))
        elif not sse.raw.strip():
            yield NoContent(sse.name)
        elif sse.raw.strip() == b"[DONE]":
            yield from self._done()
        elif (chunk := decode_object(sse.raw, "chunk")).get("error"):
            yield ErrorReported(self._dialect.error_in_stream(sse.raw))
        else:
            yield NoContent("chunk")
            yield from self._chunk(chunk, sse.raw)

    def _chunk(self, chunk: Mapping[str, Any], raw: bytes) -> Iterator[Event]:
        try:
            choice = _choice(chunk)
            if choice is not None:
                yield from self._begin(chunk)
                yield from self._take(choice, raw)
            yield from _usage(chunk, is_last=self._said.is_over)
        except (KeyError, TypeError, AttributeError) as error:
            raise ProtocolError(f"a chunk lacks or misuses field {error}: {snippet(raw)}") from error

    def _begin(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        if not self._has_begun:
            self._has_begun = True
            yield MessageStart({"id": chunk.get("id"), "model": chunk.get("model")})

    def _take(self, choice: Mapping[str, Any], raw: bytes) -> Iterator[Event]:
        reason = _reason(choice)
        if reason == "error":
            yield ErrorReported(self._dialect.error_in_stream(b'{"error": {"type": "error"}}'))
        delta = choice.get("delta")
        if delta is None and choice.get("message"):
            raise KeyError("delta")  # a whole message in a chunk; a choice with neither is Azure's, about its filter
        yield from self._said.delta(delta or {})
        if reason is not None:
            yield from self._said.end(reason)

    def _done(self) -> Iterator[Event]:
        if not self._said.anything:
            raise ProtocolError("the stream is done, and nothing was said in it")
        yield from self._said.end(None)
        yield MessageStop()


class _Said:
    """What came of one message, from its deltas or from its whole."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._calls = Calls()
        self.is_over = False
        """Whether the turn has ended."""

    @property
    def anything(self) -> bool:
        """Whether there was content, or an end."""
        return self.is_over or bool(self._open)

    def delta(self, delta: Mapping[str, Any]) -> Iterator[Event]:
        """The next delta."""
        yield from self._content(delta.get("content"))
        if refusal := text_or_none(delta, "refusal"):
            yield from self._add(_REFUSAL, {"type": "refusal_delta", "refusal": refusal})
        if legacy := delta.get("function_call"):
            yield from self._call({"id": "", "index": 0, "function": legacy})
        for call in delta.get("tool_calls") or ():
            yield from self._call(call)
        if other := {name: value for name, value in delta.items() if value and name not in _UNDERSTOOD}:
            yield from self._keep(other)

    def end(self, reason: str | None) -> Iterator[Event]:
        """The turn ended: nothing more can belong to its calls. A second end changes nothing but the reason."""
        if not self.is_over:
            self.is_over = True
            for index in sorted(self._open & _BLOCKS.keys()):
                yield BlockStop(index)
            for index, call in enumerate(self._calls.all(), _FIRST_CALL):
                identity = call.id or f"call_{index - _FIRST_CALL}"  # without one its result could not be sent back
                yield BlockStart(index, {"type": "tool_use", "id": identity, "name": call.name})
                yield BlockDelta(index, {"type": "input_json_delta", "partial_json": call.arguments})
                yield BlockStop(index)
        yield MessageDelta(reason, {})

    def _content(self, content: Any) -> Iterator[Event]:
        """A string; of some servers a list of parts."""
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        for part in content or ():
            if part["type"] != "text":
                yield from self._keep({**part, "part": part["type"]})
            elif part["text"]:
                yield from self._add(_TEXT, {"type": "text_delta", "text": part["text"]})

    def _keep(self, other: Mapping[str, Any]) -> Iterator[Event]:
        """What is not understood; behind the end of the turn it can be no part of it."""
        if not self.is_over:
            yield from self._add(_OTHER, {**other, "type": "other_delta"})

    def _call(self, call: Mapping[str, Any]) -> Iterator[Event]:
        if self.is_over:
            raise ProtocolError("a tool call after the turn had ended")
        function, index = call.get("function") or {}, call.get("index")
        arguments = function.get("arguments")
        self._open.add(_FIRST_CALL)
        self._calls.take(
            Piece(
                id=text_or_none(call, "id") or "",
                index=index if isinstance(index, int) else None,
                name=text_or_none(function, "name") or "",
                arguments=json.dumps(arguments) if isinstance(arguments, dict) else _string(arguments),
            )
        )
        yield Progress("tool_calls")

    def _add(self, index: int, delta: Mapping[str, Any]) -> Iterator[Event]:
        if index not in self._open and not self.is_over:
            self._open.add(index)
            yield BlockStart(index, _BLOCKS[index])
        yield BlockDelta(index, delta)


def _choice(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The choice with index 0, None when there is none."""
    choices = fields.get("choices")
    if choices is not None and not isinstance(choices, list):
        raise ProtocolError(f"choices that are no list: {choices!r:.120}")
    if not all(isinstance(choice, dict) for choice in choices or ()):
        raise ProtocolError(f"a choice that is no object: {choices!r:.120}")
    return next((choice for choice in choices or () if choice.get("index", 0) in (0, None)), None)


def _reason(choice: Mapping[str, Any]) -> str | None:
    return text_or_none(choice, "finish_reason") or None


def _string(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError("'arguments' (not a string)")
    return value or ""


def _usage(fields: Mapping[str, Any], *, is_last: bool) -> Iterator[Event]:
    """``usage``, with the names that are common to all dialects besides its own; some servers send it all the time."""
    usage = fields.get("usage")
    if not isinstance(usage, dict):
        return
    named = {"input_tokens": usage.get("prompt_tokens"), "output_tokens": usage.get("completion_tokens")}
    known = {name: value for name, value in named.items() if value is not None}
    yield MessageDelta(None, {**known, **usage}, counts=is_last)


def _call(block: Mapping[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(block["input"], ensure_ascii=False)
    return {"id": block["id"], "type": "function", "function": {"name": block["name"], "arguments": arguments}}


OPENAI_CHAT: Final[Dialect] = OpenAiChat()
