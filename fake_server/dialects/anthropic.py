"""The Claude Messages API as a server says it: messages, events, errors and headers.

Sources: the API reference (Messages, Streaming messages, Errors), versions 2023-06-01 and 2026-10-21, and the requests
and parsers of the official SDKs, anthropic 2.12 and @anthropic-ai/sdk 1.12. The two versions do not differ in what is
streamed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import lru_cache
from itertools import chain
from random import Random
from typing import Any

from fake_server.effects import Effect, End, Send, Wait
from fake_server.fault import Fault
from fake_server.script import Reply, Request
from fake_server.text import story
from fake_server.wire import Head, Sized, json_text, sse

API_VERSIONS = ("2023-06-01", "2026-10-21")
STREAM_TYPE = "text/event-stream; charset=utf-8"
JSON_TYPE = "application/json"
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Status to ``error.type``; any other 4xx is ``invalid_request_error`` and any other 5xx ``api_error``."""


@dataclass(frozen=True, slots=True)
class Block:
    """One content block: the object in ``content_block_start``, the deltas after it, and the whole of it."""

    start: dict[str, Any]
    deltas: tuple[dict[str, Any], ...]
    whole: dict[str, Any]


def text_block(text: str, *, words: int = 4, pieces: tuple[str, ...] | None = None) -> Block:
    """A text block, streamed ``words`` words at a time, or as exactly ``pieces`` (which may hold lone surrogates)."""
    parts = _by_words(text, words) if pieces is None else pieces
    deltas = tuple({"type": "text_delta", "text": part} for part in parts)
    return Block({"type": "text", "text": ""}, deltas, {"type": "text", "text": text})


def thinking_block(thinking: str, signature: str | None = "EqQBCgIYAhIkstreamproofSignature") -> Block:
    """A thinking block; ``signature`` None leaves it unsigned, as a cut does."""
    deltas = [{"type": "thinking_delta", "thinking": part} for part in _by_words(thinking, 6)]
    if signature is not None:
        deltas.append({"type": "signature_delta", "signature": signature})
    whole = {"type": "thinking", "thinking": thinking, "signature": signature or ""}
    return Block({"type": "thinking", "thinking": "", "signature": ""}, tuple(deltas), whole)


def tool_block(name: str, arguments: dict[str, Any] | str, *, kind: str = "tool_use", piece: int = 12) -> Block:
    """A tool call whose input is streamed ``piece`` characters at a time; a string is sent as it is, even if broken."""
    raw = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    identity = {"id": f"{'srvtoolu' if kind == 'server_tool_use' else 'toolu'}_{name}", "name": name}
    parts = ["", *(raw[i : i + piece] for i in range(0, len(raw), piece))]
    deltas = tuple({"type": "input_json_delta", "partial_json": part} for part in parts)
    whole = {"type": kind, **identity, "input": arguments if isinstance(arguments, dict) else {}}
    return Block({"type": kind, **identity, "input": {}}, deltas, whole)


def whole_block(block: dict[str, Any]) -> Block:
    """A block that is sent at once and has no deltas: tool results, ``redacted_thinking``, kinds yet unknown."""
    return Block(block, (), block)


def _by_words(text: str, words: int) -> tuple[str, ...]:
    parts = re.findall(r"[^ ]* ?", text)[:-1]
    return tuple("".join(parts[i : i + words]) for i in range(0, len(parts), words))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The model answers: as a stream when one is asked for, otherwise as one JSON message.

    ``faults`` strike the stream only; ``pace`` is the seconds between two events.
    """

    blocks: tuple[Block, ...] | None = None
    """What the model says; None is a story drawn from the seed."""
    story: str = ""
    """Another name here makes another story from the same seed."""
    sentences: int = 22
    stop_reason: str | None = "end_turn"
    stop_sequence: str | None = None
    stop_details: dict[str, Any] | None = None
    input_tokens: int = 25
    output_tokens: int | None = None
    """None counts one token for each delta."""
    final_usage: dict[str, int] = field(default_factory=dict)
    """More fields of the last (cumulative) usage."""
    pace: float = 0.0
    only_json: bool = False
    """Ignore the wish for a stream."""
    repeats: int = 0
    """Characters of the end that are said again by a model that was told what it said. A prefill is never repeated."""
    continues: bool = True
    """Whether the model goes on where it is told that it stopped; otherwise it starts over."""
    faults: tuple[Fault, ...] = ()

    def but(self, *faults: Fault) -> Answer:
        """This answer with more faults on its stream."""
        return replace(self, faults=(*self.faults, *faults))

    def texts(self, seed: str) -> tuple[str, ...]:
        return (_text_of(self._said(seed)),)

    def reply(self, request: Request) -> Reply:
        return self._asked(request)._reply(request)

    def _reply(self, request: Request) -> Reply:
        says = _text_of(self._said(request.seed))
        if self.only_json or not request.streams:
            message = json_text(self._message(request, whole=True))
            body = (Send(message.encode()), End())
            return Reply(head=_head(request, 200, JSON_TYPE, sized=True), body=body, says=says)
        events = tuple(self._paced(self._events(request)))
        return Reply(head=_head(request, 200, STREAM_TYPE), body=(*events, End()), faults=self.faults, says=says)

    def _said(self, seed: str) -> tuple[Block, ...]:
        if self.blocks is not None:
            return self.blocks
        return (_story_block(f"{seed}/{self.story}", self.sentences),)

    def _asked(self, request: Request) -> Answer:
        """This answer as it is said to this request: asked to continue a text, the model says the rest of it, and
        text alone (BerriAI/litellm#31067)."""
        blocks = self._said(request.seed)
        own = _text_of(blocks)
        text, place = interrupted(request.body, (own, *request.told)) if self.continues else ("", 0)
        if not place:
            return self
        is_prefill = request.body["messages"][-1].get("role") == "assistant"
        rest = place if is_prefill else max(0, place - self.repeats)
        left = _without(blocks, rest) if text == own else (text_block(text[rest:]),)
        reason = "end_turn" if self.stop_reason == "tool_use" else self.stop_reason
        return replace(self, blocks=left, stop_reason=reason)

    def _events(self, request: Request) -> Iterator[Send]:
        yield _event("message_start", message=self._message(request, whole=False))
        for index, block in enumerate(self._said(request.seed)):
            yield _event("content_block_start", index=index, content_block=block.start)
            if index == 0:
                yield Send(sse("ping", '{"type": "ping"}'), "ping")
            for delta in block.deltas:
                yield _delta_event(index, delta)
            yield _event("content_block_stop", index=index)
        delta = {"stop_reason": self.stop_reason, "stop_sequence": self.stop_sequence}
        if self.stop_details is not None:
            delta["stop_details"] = self.stop_details
        yield _event("message_delta", delta=delta, usage={"output_tokens": self._tokens(request), **self.final_usage})
        yield _event("message_stop")

    def _paced(self, events: Iterator[Send]) -> Iterator[Effect]:
        return chain.from_iterable((Wait(self.pace), event) for event in events) if self.pace else events

    def _tokens(self, request: Request) -> int:
        if self.output_tokens is not None:
            return self.output_tokens
        return sum(len(block.deltas) for block in self._said(request.seed)) + 1

    def _message(self, request: Request, *, whole: bool) -> dict[str, Any]:
        message: dict[str, Any] = {
            "id": _identity(request.chance_name("message"), "msg_"),
            "type": "message",
            "role": "assistant",
            "model": request.body.get("model", "claude-sonnet-5-5"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": self.input_tokens, "output_tokens": 1},
        }
        if whole:
            message["content"] = [block.whole for block in self._said(request.seed)]
            message["stop_reason"], message["stop_sequence"] = self.stop_reason, self.stop_sequence
            message["usage"] |= {"output_tokens": self._tokens(request), **self.final_usage}
            if self.stop_details is not None:
                message["stop_details"] = self.stop_details
        return message


@dataclass(frozen=True, slots=True)
class InTurns:
    """A long turn that pauses: the next part is said to a request that sends all parts before it back as they came.

    A part but the last has the stop reason ``pause_turn``. A paused turn that was changed is refused.
    """

    parts: tuple[Answer, ...]

    def texts(self, seed: str) -> tuple[str, ...]:
        said = [_text_of(part._said(seed)) for part in self.parts]
        return tuple("".join(said[:count]) for count in range(len(said), 0, -1))

    def reply(self, request: Request) -> Reply:
        last = request.body["messages"][-1] if request.body.get("messages") else {}
        back = last["content"] if last.get("role") == "assistant" else []
        content: list[dict[str, Any]] = []
        for part in self.parts:
            if back == content:
                return part.reply(request)
            content += [block.whole for block in part._said(request.seed)]
        return refusal(request, 400, "messages: the paused turn must be sent back as it came")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The API refuses the request with an error status and its JSON error body."""

    status: int
    kind: str | None = None
    """``error.type``; None takes the usual one of the status."""
    message: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    retry_after_date: float | None = None
    """Seconds from now, sent as an HTTP-date in ``retry-after``."""

    def texts(self, seed: str) -> tuple[str, ...]:
        return ()

    def reply(self, request: Request) -> Reply:
        head = _head(request, self.status, JSON_TYPE, sized=True)
        for name, value in self.headers:
            head = head.with_header(name, value)
        if self.retry_after_date is not None:
            head = head.with_header("retry-after", formatdate(request.now + self.retry_after_date, usegmt=True))
        body = error_body(self.status, self.message, kind=self.kind, request_id=head.header("request-id") or "")
        return Reply(head=head, body=(Send(body), End()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """Something that is not the API answers: a proxy's page, an empty body, a redirect."""

    status: int = 200
    content_type: str | None = "text/html"
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    faults: tuple[Fault, ...] = ()

    def texts(self, seed: str) -> tuple[str, ...]:
        return ()

    def reply(self, request: Request) -> Reply:
        headers = self.headers if self.content_type is None else (("content-type", self.content_type), *self.headers)
        head = Head(status=self.status, headers=headers, framing=Sized())
        body = (Send(self.body),) if self.body else ()
        return Reply(head=head, body=(*body, End()), faults=self.faults)


def interrupted(body: Mapping[str, Any], texts: Iterable[str]) -> tuple[str, int]:
    """Which of ``texts`` the request asks to continue, and how many of its characters it says there are already.

    All documented ways are understood: the beginning of the assistant's turn (a prefill), and a quotation in the last
    message of the user's or in the system prompt. Without any the answer is ``("", 0)``. A turn that paused is no
    prefill.
    """
    last = body["messages"][-1] if body.get("messages") else {}
    said = _plain(last.get("content", ""))
    if is_paused(last):
        return "", 0
    if last.get("role") == "assistant":
        return next(((text, len(said)) for text in texts if said and text.startswith(said)), ("", 0))
    quotations = said + "\n" + _plain(body.get("system", ""))
    return max(((text, _quoted(text, quotations)) for text in texts), key=lambda found: found[1], default=("", 0))


def is_paused(turn: Mapping[str, Any]) -> bool:
    """Whether an assistant's turn is one that paused for a server tool."""
    content = turn.get("content")
    blocks = content if isinstance(content, list) else []
    kinds = (block.get("type") for block in blocks if isinstance(block, dict))
    return turn.get("role") == "assistant" and "server_tool_use" in kinds


_ENOUGH = 16
"""Characters from which on a quotation is one."""


def _quoted(text: str, where: str) -> int:
    """How many characters of the beginning of ``text`` stand in ``where``."""
    place = where.find(text[:_ENOUGH]) if len(text) >= _ENOUGH else -1
    if place < 0:
        return 0
    pairs = enumerate(zip(text, where[place:], strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(text), len(where) - place))


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(block.get("text", "")) for block in content)


def _text_of(blocks: Iterable[Block]) -> str:
    return "".join(block.whole["text"] for block in blocks if block.whole["type"] == "text")


def _without(blocks: Iterable[Block], said: int) -> tuple[Block, ...]:
    """The blocks without the first ``said`` characters of their text, and without tool calls."""
    rest = []
    for block in blocks:
        if block.whole["type"] == "tool_use":
            continue
        if block.whole["type"] == "text":
            text = block.whole["text"]
            said, text = max(0, said - len(text)), text[said:]
            block = text_block(text)
        rest.append(block)
    return tuple(rest)


def event(name: str, **fields: Any) -> bytes:
    """One event of the stream as bytes; its JSON has the same ``type`` as the event's name."""
    return _event(name, **fields).data


def error_body(status: int, message: str, *, kind: str | None = None, request_id: str = "") -> bytes:
    """The JSON body of an error, with the usual ``error.type`` of ``status`` unless ``kind`` is given."""
    kind = kind or ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    text = message or kind.removesuffix("_error").replace("_", " ").capitalize()
    error = {"type": "error", "error": {"type": kind, "message": text}, "request_id": request_id}
    return json_text(error).encode()


def refusal(request: Request, status: int, message: str, kind: str | None = None) -> Reply:
    """The reply of the API's own validation, which comes before any script."""
    return Refuse(status=status, message=message, kind=kind).reply(request)


def _event(name: str, **fields: Any) -> Send:
    return Send(sse(name, json_text({"type": name, **fields})), name)


def _delta_event(index: int, delta: dict[str, Any]) -> Send:
    """Most of what is said is text, and much of it is said again in the next attempt and in the next case."""
    if delta.keys() == _TEXT_DELTA and delta["type"] == "text_delta":
        return _text_event(index, delta["text"])
    return _event("content_block_delta", index=index, delta=delta)


_TEXT_DELTA = {"type", "text"}


@lru_cache(maxsize=1 << 14)
def _text_event(index: int, text: str) -> Send:
    return _event("content_block_delta", index=index, delta={"type": "text_delta", "text": text})


@lru_cache(maxsize=1 << 10)
def _story_block(seed: str, sentences: int) -> Block:
    return text_block(story(seed, sentences))


def _head(request: Request, status: int, content_type: str, *, sized: bool = False) -> Head:
    identity, date = _identity(request.chance_name("head"), "req_"), formatdate(request.now, usegmt=True)
    return _headers(identity, date, status, content_type, sized=sized)


@lru_cache(maxsize=1 << 10)
def _headers(identity: str, date: str, status: int, content_type: str, *, sized: bool) -> Head:
    headers = (
        ("date", date),
        ("content-type", content_type),
        ("request-id", identity),
        ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
        ("anthropic-ratelimit-requests-limit", "4000"),
        ("anthropic-ratelimit-requests-remaining", "3999"),
        ("anthropic-ratelimit-requests-reset", "2030-01-01T00:00:00Z"),
        ("anthropic-ratelimit-tokens-limit", "400000"),
        ("anthropic-ratelimit-tokens-remaining", "399000"),
        ("anthropic-ratelimit-tokens-reset", "2030-01-01T00:00:00Z"),
    )
    head = Head(status=status, headers=headers)
    return replace(head, framing=Sized()) if sized else head.with_header("cache-control", "no-cache")


@lru_cache(maxsize=1 << 12)
def _identity(seed: str, prefix: str) -> str:
    return prefix + "".join(Random(seed).choices("0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz", k=24))
