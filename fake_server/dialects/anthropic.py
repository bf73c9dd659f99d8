"""The Claude Messages API as a server says it: messages, events, errors and headers.

Sources: the API reference (Messages, Streaming messages, Errors), versions 2023-06-01 and 2026-10-21, and the requests
and parsers of the official SDKs, anthropic 2.12 and @anthropic-ai/sdk 1.12. The two versions do not differ in what is
streamed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from fake_server.dialect import Said
from fake_server.effects import Send
from fake_server.script import Request
from fake_server.validate import problem_in as problem_in
from fake_server.wire import JSON_TYPE, Head, Sized, json_text, sse

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


def events(said: Said) -> Iterator[Send]:
    """The stream of an answer."""
    yield _event("message_start", message=_begun(said))
    for index, block in enumerate(said.blocks):
        yield _event("content_block_start", index=index, content_block=block.start)
        if index == 0:
            yield Send(sse("ping", '{"type": "ping"}'), "ping")
        for delta in block.deltas:
            yield _delta_event(index, delta)
        yield _event("content_block_stop", index=index)
    delta = {"stop_reason": said.stop_reason, "stop_sequence": said.stop_sequence}
    if said.stop_details is not None:
        delta["stop_details"] = said.stop_details
    yield _event("message_delta", delta=delta, usage={"output_tokens": said.output_tokens, **said.more_usage})
    yield _event("message_stop")


def message(said: Said) -> dict[str, Any]:
    """The answer as one message."""
    whole = _begun(said)
    whole["content"] = [block.whole for block in said.blocks]
    whole["stop_reason"], whole["stop_sequence"] = said.stop_reason, said.stop_sequence
    whole["usage"] |= {"output_tokens": said.output_tokens, **said.more_usage}
    if said.stop_details is not None:
        whole["stop_details"] = said.stop_details
    return whole


def _begun(said: Said) -> dict[str, Any]:
    return {
        "id": f"msg_{said.identity}",
        "type": "message",
        "role": "assistant",
        "model": said.body.get("model", "claude-sonnet-5-5"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": said.input_tokens, "output_tokens": 1},
    }


def conversation(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The messages and the system prompt of a request, in the form that they have in this dialect."""
    return body


def event(name: str, **fields: Any) -> bytes:
    """One event of the stream as bytes; its JSON has the same ``type`` as the event's name."""
    return _event(name, **fields).data


def kind_of(status: int) -> str:
    """The usual ``error.type`` of a status."""
    return ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def error_body(status: int, message: str, *, kind: str | None = None, request_id: str = "") -> bytes:
    """The JSON body of an error, with the usual ``error.type`` of ``status`` unless ``kind`` is given."""
    kind = kind or kind_of(status)
    text = message or kind.removesuffix("_error").replace("_", " ").capitalize()
    error = {"type": "error", "error": {"type": kind, "message": text}, "request_id": request_id}
    return json_text(error).encode()


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


def head(request: Request, status: int, content_type: str) -> Head:
    """The head of a reply; a body of JSON has its length in it, a stream comes in chunks."""
    identity, date = f"req_{request.identity('head')}", formatdate(request.now, usegmt=True)
    return _headers(identity, date, status, content_type, sized=content_type == JSON_TYPE)


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
