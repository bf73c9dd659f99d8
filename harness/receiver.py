"""The receiver of a scenario: where its answer goes while it streams, what goes wrong there, and what it saw. Pure.

It is Slack, or a webhook. Its times are those of a test: real limits and penalties are some five times as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias, assert_never

import msgspec

from fake_server.receivers.plan import Cut, Fails, Fault, Hangs, Limited, Plan, Says


class Kind(StrEnum):
    """What takes the answer."""

    SLACK = "slack"
    """Messages in a channel, which are posted and edited."""
    SLACK_STREAM = "slack_stream"
    """Slack's own streaming: messages that grow (``chat.startStream``), and may be edited when they are stopped."""
    SLACK_EPHEMERAL = "slack_ephemeral"
    """A message to one person, which is replaced by way of a ``response_url``."""
    WEBHOOK = "webhook"
    """A URL that takes signed POSTs (Standard Webhooks 1.0.0) of JSON objects.

    Their ``type`` is ``answer.sentences`` (``data.text`` is more text), ``answer.reset`` (earlier sentences are void)
    or ``answer.finished`` (``data.text`` is the whole text, ``data.complete`` whether it is all, and
    ``data.sentences_complete`` whether the sentences said it, too); ``data.sequence`` counts from 1.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Who takes the answer, what goes wrong there, and how much is taken."""

    kind: Kind
    plan: Plan = field(default_factory=Plan)
    interval: float = 0.1
    """Seconds between two calls of one kind; what comes sooner meets a 429 and a second's penalty."""
    stream_life: float = 300.0
    """Seconds after which a stream in Slack ends by itself."""
    uses: int = 5
    """How often a ``response_url`` may be used."""

    def named(self) -> Iterator[tuple[str, Fault]]:
        """Each planned fault with its name: the calls that it strikes."""
        yield from ((f"call {number}", fault) for number, fault in self.plan.calls.items())
        yield from ((f"{method} {number}", fault) for (method, number), fault in self.plan.methods.items())
        yield from ((f"every {method}", fault) for method, fault in self.plan.always.items())

    def name_of(self, number: int, method: str, of_method: int) -> str:
        """The name of the fault that strikes call ``number``, which is number ``of_method`` of its method."""
        names = (f"call {number}", f"{method} {of_method}", f"every {method}")
        planned = dict(self.named())
        return next((name for name in names if name in planned), "")

    def limits(self) -> Iterator[str]:
        """What it takes that matters for its kind, in words."""
        if self.kind is Kind.SLACK_EPHEMERAL:
            yield f"the response_url can be used {self.uses} times"
        elif self.kind is not Kind.WEBHOOK:
            yield f"one call of a kind every {self.interval:g} s, no more"
        if self.kind is Kind.SLACK_STREAM:
            yield f"a stream ends by itself after {self.stream_life:g} s"

    @property
    def every(self) -> float:
        """Seconds that its clients are asked to leave between two calls: some more, because a machine may be late."""
        return 4 * self.interval

    def info(self) -> ReceiverInfo:
        """What goes into the history."""
        return ReceiverInfo(kind=self.kind, faults=tuple(name for name, _ in self.named()), every=self.every)


class ReceiverInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known of a receiver to judge its calls again."""

    kind: Kind
    faults: tuple[str, ...] = ()
    """The names of the planned faults."""
    every: float = 0.4
    """Seconds that its clients are asked to leave between two calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What a client is told of the receiver. What does not concern its kind is empty."""

    kind: Kind
    url: str
    """The base URL of Slack's Web API (``chat.update`` comes behind it), the ``response_url``, or the webhook."""
    every: float
    """Seconds to leave between two calls."""
    token: str = ""
    channel: str = ""
    thread: str = ""
    """The message to reply to, which a stream needs."""
    user: str = ""
    """The reader, whom a stream in a channel must name."""
    uses: int = 0
    """How often the ``response_url`` may be used."""
    secret: str = ""
    """``whsec_`` and the base64 of the key that signs."""


def describe(name: str, fault: Fault) -> str:
    """A fault and the calls that it strikes, in words."""
    return f"{name} {_happens(fault)}"


def _happens(fault: Fault) -> str:
    match fault:
        case Limited(retry_after=seconds):
            return f"meets a 429 with Retry-After {seconds:g}"
        case Fails(status=status, applied=applied):
            return f"fails with {status}{_although(applied)}"
        case Cut(applied=applied):
            return f"has its connection reset{_although(applied)}"
        case Hangs(applied=applied):
            return f"is never answered{_although(applied)}"
        case Says(error=error):
            return f"is refused: {error}"
        case _:
            assert_never(fault)


def _although(applied: bool) -> str:
    return ", after it took effect" if applied else ""


# ---- what is written down --------------------------------------------------------------------------------------------


class Called(msgspec.Struct, frozen=True, kw_only=True, tag_field="seen", tag="call"):
    """A call to the receiver, and what it answered. Tokens, secrets and signatures are left out."""

    t: float
    number: int
    method: str
    """``chat.update`` and the like, ``response_url``, or what a webhook is told, such as ``answer.finished``."""
    about: str = ""
    """The ``ts`` of the message, or the id of a webhook's request."""
    text: str = ""
    replaces: bool = False
    """Whether it takes the place of what was there: an edit, a ``response_url`` with ``replace_original``."""
    sequence: int | None = None
    complete: bool | None = None
    sentences_complete: bool | None = None
    status: int | None = None
    """None when no answer was sent."""
    error: str = ""
    retry_after: float | None = None
    took_effect: bool = False
    in_penalty: bool = False
    """Whether it came although the receiver had asked to wait."""
    fault: str = ""
    """The name of the planned fault that struck it."""

    @property
    def is_acknowledged(self) -> bool:
        """Whether the client was told that it took effect."""
        return self.took_effect and self.status is not None and self.status < 300 and not self.error

    @property
    def is_unclear(self) -> bool:
        """Whether the client cannot know what became of it."""
        return self.status is None or self.status >= 500


class Showed(msgspec.Struct, frozen=True, kw_only=True, tag_field="seen", tag="state"):
    """What the receiver's readers had before them when the call was over, oldest first."""

    t: float
    messages: tuple[str, ...]


ReceiverRecord: TypeAlias = Called | Showed
"""The receiver's lane of a history; ``t`` is in seconds since the case began."""
