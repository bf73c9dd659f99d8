"""What differs between the APIs that stream answers as server-sent events, and what they have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from fake_server.blocks import Block


class Dialect(StrEnum):
    """An API that streams answers. Which one a request speaks is told by its path alone."""

    ANTHROPIC = "anthropic"
    """The Claude Messages API."""
    OPENAI_CHAT = "openai_chat"
    """OpenAI's chat completions, and what is compatible with them."""
    OPENAI_RESPONSES = "openai_responses"
    """OpenAI's Responses."""

    @property
    def path(self) -> str:
        """Where its requests go, behind the base URL."""
        return _PATHS[self]


_PATHS = {
    Dialect.ANTHROPIC: "/v1/messages",
    Dialect.OPENAI_CHAT: "/v1/chat/completions",
    Dialect.OPENAI_RESPONSES: "/v1/responses",
}


@lru_cache(maxsize=1 << 7)
def dialect_at(path: str) -> Dialect | None:
    """The dialect of requests to a path; None when there is none.

    SDKs are given a base URL with ``/v1`` or without it, so that it may be missing.
    """
    return next((one for one in Dialect if f"/{path}" in (one.path, one.path.removeprefix("/v1"))), None)


def dialect_of(path: str) -> Dialect:
    """The dialect of requests to a path by its end, whatever stands before that; the Messages API by default."""
    return next((one for one in Dialect if path.endswith(one.path.removeprefix("/v1"))), Dialect.ANTHROPIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the model says to a request, before it is put in the words of a dialect."""

    identity: str
    """Of the answer, without the prefix that a dialect puts before it."""
    body: Mapping[str, Any]
    """The request."""
    now: float
    """Wall clock, seconds since the epoch."""
    blocks: tuple[Block, ...]
    stop_reason: str | None
    """In the words of the Messages API."""
    stop_sequence: str | None = None
    stop_details: dict[str, Any] | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    more_usage: Mapping[str, int] = field(default_factory=dict)
    """More fields of the last count, in the words of the Messages API."""
