"""What OpenAI's two dialects have in common: heads, errors, and what is refused before a model is asked.

Sources: OpenAI's API reference (Introduction, "Debugging requests"; Errors), and what users quote of its errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from fake_server.dialects.anthropic import kind_of
from fake_server.script import Request
from fake_server.validate import Problem
from fake_server.wire import JSON_TYPE, Head, Sized, json_text

TYPE_AND_CODE: Mapping[str, tuple[str, str | None]] = {
    "authentication_error": ("invalid_request_error", "invalid_api_key"),
    "billing_error": ("insufficient_quota", "insufficient_quota"),
    "permission_error": ("request_forbidden", "unsupported_country_region_territory"),
    "not_found_error": ("invalid_request_error", "model_not_found"),
    "rate_limit_error": ("requests", "rate_limit_exceeded"),
    "overloaded_error": ("service_unavailable_error", "server_is_overloaded"),
    "api_error": ("server_error", None),
    "timeout_error": ("server_error", None),
}
"""``error.type`` of the Messages API to ``type`` and ``code`` of OpenAI's; any other is ``invalid_request_error``."""


def head(request: Request, status: int, content_type: str) -> Head:
    """The head of a reply; a body of JSON has its length in it, a stream comes in chunks."""
    identity, date = f"req_{request.identity('head')}", formatdate(request.now, usegmt=True)
    return _headers(identity, date, status, content_type)


@lru_cache(maxsize=1 << 10)
def _headers(identity: str, date: str, status: int, content_type: str) -> Head:
    headers = (
        ("date", date),
        ("content-type", content_type),
        ("x-request-id", identity),
        ("openai-organization", "streamproof"),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "4000"),
        ("x-ratelimit-remaining-requests", "3999"),
        ("x-ratelimit-limit-tokens", "400000"),
        ("x-ratelimit-remaining-tokens", "399000"),
    )
    if content_type == JSON_TYPE:
        return Head(status=status, headers=headers, framing=Sized())
    return Head(status=status, headers=headers).with_header("cache-control", "no-cache")


def error_body(status: int, message: str, *, kind: str | None = None, request_id: str = "") -> bytes:  # noqa: ARG001 - a Speech has it
    """The JSON body of an error; the id of the request stands in the head alone."""
    kind = kind or kind_of(status)
    type_, code = TYPE_AND_CODE.get(kind, ("invalid_request_error", None))
    text = message or kind.removesuffix("_error").replace("_", " ").capitalize()
    return json_text({"error": {"message": text, "type": type_, "param": None, "code": code}}).encode()


def problems(body: Any, headers: Mapping[str, str], fields: tuple[str, ...]) -> Iterator[Problem]:
    """What is wrong with any request.

    Args:
        body: the decoded JSON body.
        headers: with lower-case names.
        fields: those that must be there.
    """
    if not headers.get("authorization", "").removeprefix("Bearer ").strip():
        yield Problem(401, "You didn't provide an API key. Provide it in an Authorization header using Bearer auth.")
    if isinstance(body, dict):
        yield from _fields(body, fields)
    else:
        yield invalid("We could not parse the JSON body of your request: expected an object.")


def _fields(body: Mapping[str, Any], fields: tuple[str, ...]) -> Iterator[Problem]:
    for name in fields:
        if name not in body:
            yield invalid(f"Missing required parameter: '{name}'.")
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield invalid("you must provide a model parameter")
    if not isinstance(body.get("stream", False), bool | None):
        yield invalid("Invalid type for 'stream': expected a boolean.")


def invalid(message: str) -> Problem:
    """A 400."""
    return Problem(400, message)


def arguments_of(block: Mapping[str, Any], deltas: tuple[Mapping[str, Any], ...]) -> str:
    """The input of a tool call as one text, as the model wrote it."""
    return "".join(delta["partial_json"] for delta in deltas) or json_text(block.get("input", {}))


def call_id(block: Mapping[str, Any]) -> str:
    """The id of a tool call."""
    return f"call_{str(block['id']).removeprefix('toolu_')}"


def plain(content: Any) -> str:
    """The text of a message's content: a string, or parts of which some have text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def in_messages(turns: list[Any], system: str = "") -> dict[str, Any]:
    """Turns of which each has a role and content, in the form of the Messages API; one of the assistant at the end is
    left out, for it is no prefill (nexu-io/open-design#1962)."""
    said = [(str(turn.get("role")), plain(turn.get("content"))) for turn in turns if isinstance(turn, dict)]
    system = "\n".join([system, *(text for role, text in said if role in ("system", "developer"))])
    talk = [{"role": role, "content": text} for role, text in said if role in ("user", "assistant")]
    while talk and talk[-1]["role"] == "assistant":
        talk.pop()
    return {"messages": talk, "system": system}
