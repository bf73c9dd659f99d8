"""What a caller sees of a call while it goes on. The last event is always :class:`Done`.

``Text`` and ``Sentence`` carry the same text twice: at once, and up to natural breaks. Take the one that suits the
display. After a ``Reset`` both begin anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from client_under_test.answer import Answer, ToolCall
from client_under_test.errors import StreamError

__all__ = ["Done", "Event", "Next", "Notice", "Reset", "Sentence", "Text", "ToolCall"]


@dataclass(frozen=True, slots=True)
class Text:
    """More text, as soon as it came."""

    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """More text up to a natural break: the end of a sentence, a paragraph, a whole code block, or a pause."""

    text: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Clear the text shown so far: the answer starts over."""


class Next(Enum):
    """What the client does about a failure, or about a pause."""

    RETRY = "asks again"
    CONTINUE = "asks for the rest"
    WITHOUT_STREAM = "asks without streaming"
    ELSEWHERE = "asks another model or server"
    GO_ON = "goes on with a turn that paused"


@dataclass(frozen=True, slots=True)
class Notice:
    """The answer takes longer than usual: an attempt failed, or the turn paused, and another request follows."""

    next: Next
    attempt: int
    """Number of the request that follows, from 1."""
    wait: float
    """Seconds until then."""
    error: StreamError | None = None
    """What failed; None when nothing did."""


@dataclass(frozen=True, slots=True)
class Done:
    """The call is over."""

    answer: Answer


Event: TypeAlias = Text | Sentence | Reset | Notice | ToolCall | Done
