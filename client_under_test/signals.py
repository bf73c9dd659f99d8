"""What goes into a session (inputs: what happened) and what comes out of it (actions: what to do)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from client_under_test.answer import Answer
from client_under_test.errors import StreamError


@dataclass(frozen=True, slots=True)
class Started:
    """The call begins."""


@dataclass(frozen=True, slots=True)
class HeadReceived:
    """Status line and headers came; ``headers`` has lower-case names, ``wall`` is the local time since the epoch."""

    status: int
    headers: Mapping[str, str]
    wall: float = 0.0


@dataclass(frozen=True, slots=True)
class BytesReceived:
    """Bytes of the body came, content coding removed."""

    data: bytes


@dataclass(frozen=True, slots=True)
class BodyEnded:
    """The body ended as HTTP says it should."""


@dataclass(frozen=True, slots=True)
class TransportFailed:
    """The connection could not be made, or broke."""

    error: StreamError


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time of the last ``WakeAt`` came."""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The caller wants no more."""


Input: TypeAlias = Started | HeadReceived | BytesReceived | BodyEnded | TransportFailed | TimerFired | CancelRequested


@dataclass(frozen=True, slots=True)
class Open:
    """Send a request with this JSON body; ``again`` when an attempt before it failed."""

    body: Mapping[str, Any]
    again: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """Be done with the connection; when ``spent`` its body is all but over, and it may be read to its end for reuse."""

    spent: bool = False


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Set the one timer; None clears it."""

    at: float | None


@dataclass(frozen=True, slots=True)
class TextAdded:
    """Show more text."""

    text: str


@dataclass(frozen=True, slots=True)
class TextReset:
    """Clear the text shown so far: the answer starts over."""


@dataclass(frozen=True, slots=True)
class Recovering:
    """An attempt failed; the next one starts in ``wait`` seconds."""

    error: StreamError
    attempt: int
    wait: float


Update: TypeAlias = TextAdded | TextReset | Recovering


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand an update to the caller."""

    update: Update


@dataclass(frozen=True, slots=True)
class Finish:
    """The call is over."""

    answer: Answer


Action: TypeAlias = Open | Drop | WakeAt | Deliver | Finish
