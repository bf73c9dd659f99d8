"""What a call comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from client_under_test.errors import StreamError
from client_under_test.usage import Tokens


class Outcome(Enum):
    """How a call can end."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    """The model's own limit: ``max_tokens`` or the context window."""
    REFUSED = "refused"
    """The model declined; :attr:`Answer.stop_details` may say why."""
    PAUSED = "paused"
    """A long turn paused more often than the policy goes on with it."""
    INCOMPLETE = "incomplete"
    """Broken off; the text so far is kept."""
    FAILED = "failed"
    """Nothing usable came."""
    CANCELLED = "cancelled"


OUTCOMES = {
    "end_turn": Outcome.COMPLETE,
    "stop_sequence": Outcome.COMPLETE,
    "tool_use": Outcome.COMPLETE,
    "max_tokens": Outcome.TRUNCATED,
    "model_context_window_exceeded": Outcome.TRUNCATED,
    "refusal": Outcome.REFUSED,
    "pause_turn": Outcome.PAUSED,
}
"""``stop_reason`` to outcome; any other reason is not called a success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool call whose input is whole, of a turn that ended normally."""

    id: str
    name: str
    input: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a call came to."""

    outcome: Outcome
    text: str
    """All text blocks, joined; what the events of the call added up to."""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Mapping[str, Any] | None = None
    """Why the model refused, as the API tells it."""
    tool_calls: tuple[ToolCall, ...] = ()
    content: tuple[dict[str, Any], ...] = ()
    """The content blocks as the API wants them back: whole ones, thinking only with its signature, every kind of block
    as it came. An answer that broke off has no tool calls here, so it may be sent back as an assistant turn."""
    unknown_deltas: tuple[Mapping[str, Any], ...] = ()
    """Deltas of kinds that this client does not know, as they came."""
    usage: Mapping[str, Any] = field(default_factory=dict)
    """As the API counted it for the attempt that gave the answer; a key that never came is not there."""
    billed: Tokens = field(default_factory=Tokens)
    """Summed over all attempts."""
    wasted: Tokens = field(default_factory=Tokens)
    """Summed over the attempts of which nothing is in the answer."""
    model: str | None = None
    """The model that answered, as the API names it."""
    message_id: str | None = None
    request_ids: tuple[str, ...] = ()
    """``request-id`` of every response, oldest first; the last one is that of the answer."""
    attempts: int = 1
    """Requests that were made."""
    error: StreamError | None = None
    """Why, when the outcome is incomplete or failed."""
