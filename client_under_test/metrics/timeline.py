"""What the signals of one call add up to, as moments that are worth telling. Pure.

Rules:

1. The time to the first token runs from the start of the call, failed attempts included: it is what the reader waits.
2. Time between tokens is measured within one attempt. What lies between two attempts is recovery.
3. A recovery begins with the first failure after the last text, and ends with the next text or with the call.
4. An error counts once, whether a notice tells it, the end, or both.
5. A call that is called off before it began has no moments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from client_under_test.answer import Answer, Outcome
from client_under_test.dialects.reading import whole_characters
from client_under_test.errors import StreamError
from client_under_test.events import Done, Next, Notice, Text
from client_under_test.signals import Deliver, Open, Signal, Started
from client_under_test.targets import Target

Seconds: TypeAlias = float


class Result(Enum):
    """How a recovery can end."""

    RECOVERED = "recovered"
    """The answer went on, or was whole all along."""
    FAILED = "failed"
    CANCELLED = "cancelled"


_RESULTS = {
    Outcome.FAILED: Result.FAILED,
    Outcome.INCOMPLETE: Result.FAILED,
    Outcome.CANCELLED: Result.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """A time without text because of a failure."""

    seconds: Seconds
    result: Result


@dataclass(frozen=True, slots=True)
class Began:
    """The call began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request was sent."""

    attempt: int
    """From 1."""
    body: Mapping[str, Any]
    target: Target
    provider: str
    """Whose API it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote:
    """Text came."""

    first: Seconds | None = None
    """Since the call began, when this is its first text."""
    gap: Seconds | None = None
    """Since the text before it in the same attempt."""
    recovery: Recovery | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """Another request will follow."""

    next: Next
    wait: Seconds
    error: StreamError | None
    """What failed; None when nothing did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The call is over."""

    answer: Answer
    took: Seconds
    first: Seconds | None
    """When the first text came, None when none did."""
    errors: tuple[StreamError, ...]
    """Of all attempts that failed, oldest first."""
    last_error: StreamError | None
    """The one that ended the call, unless it was told before."""
    recovery: Recovery | None

    @property
    def failed(self) -> bool:
        """Whether the caller did not get an answer, and did not call it off either."""
        return self.answer.outcome in (Outcome.FAILED, Outcome.INCOMPLETE)


Moment: TypeAlias = Began | Asked | Wrote | Noticed | Ended


class Timeline:
    """Follows the signals of one call."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._attempts = 0
        self._first: Seconds | None = None
        self._last_text: float | None = None
        """When the attempt in progress gave its last text."""
        self._failed: float | None = None
        """When the failure came that no text has followed yet."""
        self._errors: list[StreamError] = []

    def take(self, signal: Signal, now: float) -> Moment | None:
        """The moment that ``signal`` makes at ``now`` (seconds of any clock), None when it makes none."""
        if isinstance(signal, Started):
            self._began = now
            return Began()
        return None if self._began is None else self._went_on(signal, now, self._began)

    def _went_on(self, signal: Signal, now: float, began: float) -> Moment | None:
        match signal:
            case Deliver(Text()):
                return self._wrote(now, began)
            case Open():
                return self._asked(signal)
            case Deliver(Notice() as notice):
                return self._noticed(notice, now)
            case Deliver(Done(answer)):
                return self._ended(answer, now, began)
            case _:
                return None

    def _asked(self, opening: Open) -> Asked:
        self._attempts += 1
        self._last_text = None
        return Asked(
            attempt=self._attempts, body=opening.body, target=opening.target, provider=opening.dialect.provider
        )

    def _wrote(self, now: float, began: float) -> Wrote:
        is_first, last = self._first is None, self._last_text
        self._last_text = now
        if self._first is None:
            self._first = now - began
        return Wrote(
            first=self._first if is_first else None,
            gap=None if last is None else now - last,
            recovery=self._recovery(Result.RECOVERED, now),
        )

    def _noticed(self, notice: Notice, now: float) -> Noticed:
        if notice.error is not None:
            self._errors.append(notice.error)
            self._failed = now if self._failed is None else self._failed
        return Noticed(next=notice.next, wait=notice.wait, error=notice.error)

    def _ended(self, answer: Answer, now: float, began: float) -> Ended:
        error = answer.error
        if error is not None and any(error is one for one in self._errors):
            error = None
        return Ended(
            answer=answer,
            took=now - began,
            first=self._first,
            errors=tuple(self._errors) if error is None else (*self._errors, error),
            last_error=error,
            recovery=self._recovery(_RESULTS.get(answer.outcome, Result.RECOVERED), now),
        )

    def _recovery(self, result: Result, now: float) -> Recovery | None:
        began, self._failed = self._failed, None
        return None if began is None else Recovery(seconds=now - began, result=result)


def model_of(request: Mapping[str, Any]) -> str:
    """The model that ``request`` names, as it may be written anywhere; ``unknown`` when it names none."""
    model = request.get("model")
    return whole_characters(model)[:_LONGEST_NAME] if isinstance(model, str) and model else "unknown"


_LONGEST_NAME = 100
"""Characters of a model's name that are told: whoever asks a relay may name anything."""
