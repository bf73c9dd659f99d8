"""What goes wrong at a receiver, and what it saw: data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias

from fake_server.bounds import Between, check


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """429. No further call of the method is wanted for ``retry_after`` seconds."""

    retry_after: Annotated[float, Between(0, 86_400)] = 30

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fails:
    """An error status with a page that is no JSON; ``applied`` when the call took effect all the same."""

    status: Annotated[int, Between(400, 599)] = 500
    applied: bool = False

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The connection is reset before an answer; ``applied`` when the call took effect."""

    applied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangs:
    """No answer ever; ``applied`` when the call took effect."""

    applied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """Slack's own way to refuse: status 200 and a code, such as ``message_not_found``."""

    error: str


Fault: TypeAlias = Limited | Fails | Cut | Hangs | Says


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which calls go wrong. Calls are counted from 1, all of them and those of each method."""

    calls: Mapping[int, Fault] = field(default_factory=dict)
    methods: Mapping[tuple[str, int], Fault] = field(default_factory=dict)
    """By method and number."""
    always: Mapping[str, Fault] = field(default_factory=dict)
    """By method."""

    def fault(self, number: int, method: str, of_method: int) -> Fault | None:
        """The fault of call ``number``, which is number ``of_method`` of its method."""
        return self.calls.get(number) or self.methods.get((method, of_method)) or self.always.get(method)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the receiver answers."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | str = field(default_factory=dict)
    """An object is sent as JSON, a text as HTML."""
    cut: bool = False
    hang: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that a receiver saw."""

    number: int
    method: str
    payload: Mapping[str, Any]
    at: float
    """Seconds on the receiver's clock."""
    reply: Reply
    in_penalty: bool = False
    """Whether it was made although the receiver had asked to wait."""
    fault: Fault | None = None
