"""What an answer consists of, whatever the API: a dialect reads its own words into these, and nothing else is known
further in.

They are those of the Messages API ("Streaming messages"), whose stream says where each block begins and ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from client_under_test.errors import ApiError


@dataclass(frozen=True, slots=True)
class MessageStart:
    """The message begins, with no content yet; its ``id``, ``model`` and ``usage`` are read."""

    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BlockStart:
    """A block begins; ``block`` has its ``type`` and what is known of it.

    The kinds that are understood are ``text``, ``refusal`` (what a model says in place of an answer), ``thinking``,
    ``tool_use``, ``server_tool_use``, ``mcp_tool_use`` and ``compaction``; any other is kept as it came.
    """

    index: int
    block: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BlockDelta:
    """More of a block: ``text_delta``, ``refusal_delta``, ``input_json_delta``...; any other is kept as it came."""

    index: int
    delta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BlockStop:
    """A block is whole."""

    index: int


@dataclass(frozen=True, slots=True)
class MessageDelta:
    """The end is near, when there is a reason for it; usage is cumulative."""

    stop_reason: str | None
    usage: Mapping[str, Any]
    stop_sequence: str | None = None
    stop_details: Mapping[str, Any] | None = None
    container: Mapping[str, Any] | None = None
    """Where the tools that the server runs itself have run."""
    counts: bool = True
    """Whether its usage is the last count, and not one of an answer that goes on."""


@dataclass(frozen=True, slots=True)
class MessageStop:
    """The answer is whole."""


@dataclass(frozen=True, slots=True)
class ErrorReported:
    """An error inside a 200."""

    error: ApiError


@dataclass(frozen=True, slots=True)
class Progress:
    """The model works, and nothing of it can be told yet: a piece of a tool call that is told when it is whole."""

    kind: str


@dataclass(frozen=True, slots=True)
class NoContent:
    """A ping, a nameless event with no data, or a kind that this client does not know: a sign of life and no more."""

    kind: str


Event: TypeAlias = (
    MessageStart
    | BlockStart
    | BlockDelta
    | BlockStop
    | MessageDelta
    | MessageStop
    | ErrorReported
    | Progress
    | NoContent
)
