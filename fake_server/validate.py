"""What the real API refuses before the model is asked: request validation with the API's own words.

Pure: a request in, a problem or None out. The server answers a problem with a real 400 (or 401, 413), so that a
client which repairs its history badly after an interruption is caught here, as it would be in production.

Sources: API reference, Errors ("Prefill not supported"), Messages, Tool use, Extended thinking; the texts follow what
users quote in the issues named beside each rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fake_server.continuing import is_paused

API_VERSIONS = ("2023-06-01", "2026-10-21")
MAX_REQUEST_BYTES = 32 * 1024 * 1024
"""Messages API limit; the edge answers 413 above it."""

_VERSIONED_MODEL = re.compile(r"claude-[a-z]+-(\d+)(?:-(\d{1,2})(?!\d))?(?!\d)")
_NO_PREFILL_BY_NAME = ("claude-mythos-preview",)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request is refused."""

    status: int
    message: str
    kind: str | None = None
    """``error.type``; None is the usual one of the status."""


def allows_prefill(model: str) -> bool:
    """Whether a request to ``model`` may end with an assistant turn: up to Claude 4.5, no longer from 4.6 on."""
    match = _VERSIONED_MODEL.match(model)
    if match is None:
        return model not in _NO_PREFILL_BY_NAME
    return (int(match[1][:9]), int(match[2] or 0)) < (4, 6)


def problem_in(body: Any, headers: Mapping[str, str]) -> Problem | None:
    """The first problem of a request, None when the API would take it.

    Args:
        body: the decoded JSON body.
        headers: with lower-case names.
    """
    return next(_problems(body, headers), None)


def _problems(body: Any, headers: Mapping[str, str]) -> Iterator[Problem]:
    yield from _headers(headers)
    if isinstance(body, dict):
        yield from _fields(body)
        yield from _conversation(body)
    else:
        yield _invalid("body: Input should be a valid dictionary")


def _conversation(body: dict[str, Any]) -> Iterator[Problem]:
    """Problems between messages; asked for only when the fields themselves have none."""
    messages = body["messages"]
    for place, message in enumerate(messages):
        yield from _message(place, message)
    yield from _tool_pairs(messages)
    yield from _last_turn(messages, body["model"])


def _headers(headers: Mapping[str, str]) -> Iterator[Problem]:
    bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not (headers.get("x-api-key", "").strip() or bearer):
        yield Problem(401, "x-api-key header is required")
    version = headers.get("anthropic-version")
    if version is None:
        yield _invalid("anthropic-version: header is required")
    elif version not in API_VERSIONS:
        yield _invalid(f'anthropic-version: "{version}" is not a valid version')


def _fields(body: dict[str, Any]) -> Iterator[Problem]:
    for name in ("model", "max_tokens", "messages"):
        if name not in body:
            yield _invalid(f"{name}: Field required")
    if not isinstance(body.get("model"), str):
        yield _invalid("model: Input should be a valid string")
    tokens = body.get("max_tokens")
    if not isinstance(tokens, int) or isinstance(tokens, bool):
        yield _invalid("max_tokens: Input should be a valid integer")
    elif tokens < 0:
        yield _invalid("max_tokens: Input should be greater than or equal to 0")
    if not isinstance(body.get("messages"), list):
        yield _invalid("messages: Input should be a valid list")
    elif not body["messages"]:
        yield _invalid("messages: at least one message is required")
    if not isinstance(body.get("stream", False), bool):
        yield _invalid("stream: Input should be a valid boolean")


def _message(place: int, message: Any) -> Iterator[Problem]:
    where = f"messages.{place}"
    if not isinstance(message, dict):
        yield _invalid(f"{where}: Input should be a valid dictionary")
    elif message.get("role") not in ("user", "assistant", "system"):
        yield _invalid(f"{where}.role: Input should be 'user', 'assistant' or 'system'")
    yield from _content(where, message.get("content"))


def _content(where: str, content: Any) -> Iterator[Problem]:
    if isinstance(content, str):
        if not content:
            yield _invalid(f"{where}: all messages must have non-empty content")
    elif isinstance(content, list):
        if not content:
            yield _invalid(f"{where}: all messages must have non-empty content")
        for number, block in enumerate(content):
            yield from _block(f"{where}.content.{number}", block)
    else:
        yield _invalid(f"{where}.content: Input should be a valid string or list")


def _block(where: str, block: Any) -> Iterator[Problem]:
    """What interrupted turns leave behind: blank text (coder/xum#2192), unsigned thinking (earendil-works/pi#3936)."""
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        yield _invalid(f"{where}: Input should be a content block with a type")
    elif block["type"] == "text" and not str(block.get("text", "")).strip():
        yield _invalid(f"{where}: text content blocks must contain non-whitespace text")
    elif block["type"] == "thinking" and not block.get("signature"):
        yield _invalid(f"{where}.thinking.signature: Field required")


def _tool_pairs(turns: list[dict[str, Any]]) -> Iterator[Problem]:
    """Each ``tool_use`` is answered in the next turn, each ``tool_result`` answers one (anomalyco/opencode#10616)."""
    for place, turn in enumerate(turns):
        if not isinstance(turn.get("content"), list):
            continue
        following = turns[place + 1] if place + 1 < len(turns) else {}
        before = turns[place - 1] if place else {}
        asked, answered = _ids(turn, "tool_use", "id"), _ids(following, "tool_result", "tool_use_id")
        if orphans := [one for one in asked if one not in answered]:
            yield _invalid(
                f"messages.{place}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(orphans)}. Each `tool_use` block must have a corresponding `tool_result` block in the "
                "next message."
            )
        known = _ids(before, "tool_use", "id")
        if strays := [one for one in _ids(turn, "tool_result", "tool_use_id") if one not in known]:
            yield _invalid(
                f"messages.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(strays)}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )


def _ids(turn: dict[str, Any], kind: str, key: str) -> list[str]:
    content = turn.get("content")
    blocks = content if isinstance(content, list) else []
    return [str(block.get(key)) for block in blocks if isinstance(block, dict) and block.get("type") == kind]


def _last_turn(turns: list[dict[str, Any]], model: str) -> Iterator[Problem]:
    if not turns or turns[-1].get("role") != "assistant" or is_paused(turns[-1]):
        return
    if not allows_prefill(model):
        yield _invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    content = turns[-1].get("content")
    last = content[-1] if isinstance(content, list) and content else {"type": "text", "text": content}
    text = last.get("text") if isinstance(last, dict) else None
    if isinstance(text, str) and text != text.rstrip():
        yield _invalid("messages: final assistant content cannot end with trailing whitespace")


def _invalid(message: str) -> Problem:
    return Problem(400, message)
