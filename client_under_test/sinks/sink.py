"""What a sink is, and how it says that it failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from client_under_test.answer import Answer
from client_under_test.errors import StreamError
from client_under_test.events import Event


class Sink(Protocol):
    """A place that an answer goes to."""

    async def take(self, event: Event) -> None:
        """Take the next event. Returns at once: a slow receiver neither slows the stream nor breaks it."""
        ...

    async def finish(self, error: StreamError | None) -> None:
        """The stream is over; ``error`` says why the answer is not whole. Returns when the last state is delivered.

        Raises:
            SinkFailed: when it could not be delivered.
        """
        ...


@runtime_checkable
class Begins(Protocol):
    """A sink that also shows that an answer is being waited for."""

    async def begin(self) -> None:
        """The request is under way and nothing has come yet. Returns at once."""
        ...


@dataclass(eq=False)
class SinkFailed(Exception):
    """The last state did not reach its receiver.

    Attributes:
        reason: why, in one sentence.
        delivered: the text that the receiver is known to have.
        missing: what it lacks: the rest of the text, or all of it when what it has is not the beginning of it.
    """

    reason: str
    delivered: str = field(default="", kw_only=True)
    missing: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        return f"{self.reason} ({len(self.delivered)} characters delivered, {len(self.missing)} missing)"


class SinksFailed(ExceptionGroup[Exception]):
    """The answer is whole, and one or more sinks failed; :attr:`answer` is that answer.

    ``except* SinkFailed`` takes the failures apart as those of any exception group.
    """

    answer: Answer

    def __new__(cls, failures: Sequence[Exception], answer: Answer) -> SinksFailed:
        """A group of ``failures``."""
        self = super().__new__(cls, "the answer is whole, but not every sink has it", failures)
        self.answer = answer
        return self

    def derive(self, excs: Sequence[Exception]) -> SinksFailed:  # type: ignore[override]
        return SinksFailed(excs, self.answer)
