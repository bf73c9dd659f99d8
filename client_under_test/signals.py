"""What goes into a session (inputs: what happened) and what comes out of it (actions: what to do).

An observer of a call is given every signal as it passes; see :mod:`client_under_test.observe`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from client_under_test.dialects.anthropic import ANTHROPIC
from client_under_test.dialects.dialect import Dialect
from client_under_test.errors import StreamError
from client_under_test.events import Event
from client_under_test.targets import Target


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
    """Send a request with this JSON body to ``target``, which speaks ``dialect``."""

    body: Mapping[str, Any]
    target: Target
    dialect: Dialect = field(default=ANTHROPIC, repr=False)


@dataclass(frozen=True, slots=True)
class Drop:
    """Be done with the connection, whatever may still come on it."""


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Set the one timer; None clears it."""

    at: float | None


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand an event to the caller. After ``Done`` nothing follows."""

    event: Event


Action: TypeAlias = Open | Drop | WakeAt | Deliver
Signal: TypeAlias = Input | Action
