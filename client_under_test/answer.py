"""What a call comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from client_under_test.assemble import ToolCall
from client_under_test.errors import StreamError


class Outcome(Enum):
    """How a call can end."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    """The model's own limit: ``max_tokens`` or the context window."""
    REFUSED = "refused"
    PAUSED = "paused"
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
class Answer:
    """What a call came to."""

    outcome: Outcome
    text: str
    stop_reason: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)
    """As the API counted it for the attempt that gave the answer; a key that never came is not there."""
    message_id: str | None = None
    request_id: str | None = None
    attempts: int = 1
    error: StreamError | None = None
    """Why, when the outcome is incomplete, failed or cancelled."""
