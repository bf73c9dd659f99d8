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
    """The turn is not over: it paused more often than the policy goes on with it, or with a summary of the conversation
    (``compaction``), as the request asked for; send :attr:`Answer.content` back to go on."""
    INCOMPLETE = "incomplete"
    """Broken off; the text so far is kept."""
    FAILED = "failed"
    """Nothing usable came."""
    CANCELLED = "cancelled"


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
    """Why it ended, in the API's own word. Messages: ``stop_reason``; chat completions: ``finish_reason``, None when
    the stream ended without one; Responses: ``completed``, or why the response is incomplete."""
    stop_sequence: str | None = None
    stop_details: Mapping[str, Any] | None = None
    """Why the model refused, as the API tells it; for OpenAI ``{"refusal": ...}`` with what the model said instead of
    an answer, which is not in the text."""
    tool_calls: tuple[ToolCall, ...] = ()
    content: tuple[dict[str, Any], ...] = ()
    """What the API takes back of this answer, in the words of the dialect. An answer that broke off has no tool calls
    here.

    Messages: the content blocks of an assistant turn: whole ones, thinking only with its signature, every kind of block
    as it came. Chat completions: one assistant message, to be added to ``messages``, or nothing. Responses: output
    items, to be added to ``input``.
    """
    unknown_deltas: tuple[Mapping[str, Any], ...] = ()
    """Deltas of kinds that this client does not know, as they came."""
    container: Mapping[str, Any] | None = None
    """The container in which the server ran code, as the API tells it: its ``id`` leads the next request to the same
    files."""
    usage: Mapping[str, Any] = field(default_factory=dict)
    """As the API counted it for the attempt that gave the answer; a key that never came is not there. ``input_tokens``
    and ``output_tokens`` are there in every dialect that counted them under any name."""
    billed: Tokens = field(default_factory=Tokens)
    """Summed over all attempts."""
    wasted: Tokens = field(default_factory=Tokens)
    """Summed over the attempts of which nothing is in the answer."""
    model: str | None = None
    """The model that answered, as the API names it."""
    message_id: str | None = None
    request_ids: tuple[str, ...] = ()
    """The request id of every response (``request-id``, ``x-request-id``), oldest first; the last one is that of the
    answer."""
    attempts: int = 1
    """Requests that were made."""
    error: StreamError | None = None
    """Why, when the outcome is incomplete or failed."""
