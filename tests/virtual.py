"""Drives a Session in virtual time: no sockets, no event loop, and an hour of waiting costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from client_under_test.answer import Answer
from client_under_test.dialects import ANTHROPIC
from client_under_test.dialects.dialect import Dialect
from client_under_test.events import Done, Event, Notice, Reset, Sentence, Text, ToolCall
from client_under_test.policy import Limits, Policy, RetryPolicy
from client_under_test.session import Session
from client_under_test.signals import (
    BytesReceived,
    Deliver,
    Drop,
    HeadReceived,
    Input,
    Open,
    Started,
    TimerFired,
    WakeAt,
)
from client_under_test.targets import Target

STREAM = HeadReceived(200, {"content-type": "text/event-stream; charset=utf-8", "request-id": "req_1"})
JSON = HeadReceived(200, {"content-type": "application/json", "request-id": "req_1"})
POLICY = Policy(
    limits=Limits(first_byte=10, first_event=20, idle=30, progress=60, closing=1),
    retry=RetryPolicy(max_attempts=5, base=1, cap=8),
    sentence_idle=0,
)
REQUEST = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}


@dataclass
class Call:
    """One session, the inputs of each attempt, and what came of it."""

    policy: Policy = POLICY
    targets: tuple[Target, ...] = (Target(),)
    dialect: Dialect = ANTHROPIC
    request: dict[str, Any] = field(default_factory=lambda: dict(REQUEST))
    now: float = 0.0
    opened: list[Open] = field(default_factory=list)
    opened_at: list[float] = field(default_factory=list)
    drops: int = 0
    display: str = ""
    displays: list[str] = field(default_factory=list)
    resets: int = 0
    sentences: list[str] = field(default_factory=list)
    tools: list[ToolCall] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    answer: Answer | None = None
    wake: float | None = None

    def __post_init__(self) -> None:
        self.session = Session(self.request, self.policy, Random(7), self.targets, self.dialect)

    def run(self, *attempts: Iterable[Input | float]) -> Answer:
        """Give each attempt its inputs (a number waits so many seconds), letting the timer fire whenever it is due.

        The last attempt's inputs repeat. When an attempt's inputs are used up the server stays silent.
        """
        scripts: Sequence[Sequence[Input | float]] = [list(one) for one in attempts]
        self.feed(Started())
        while self.answer is None:
            number = len(self.opened)
            for happened in scripts[min(number, len(scripts)) - 1]:
                if self.answer is not None or len(self.opened) != number or self.drops == number:
                    break
                if isinstance(happened, float | int):
                    self.wait(happened)
                else:
                    self.feed(happened)
            self.wait_for_timer(number)
        return self.answer

    def feed(self, happened: Input) -> None:
        for action in self.session.handle(happened, self.now):
            self._do(action)

    def wait(self, seconds: float) -> None:
        """Let time pass; the timer fires on the way."""
        until, number = self.now + seconds, len(self.opened)
        while self.answer is None and self.wake is not None and self.wake <= until and len(self.opened) == number:
            self.now = self.wake
            self.feed(TimerFired())
        if self.answer is None and len(self.opened) == number:
            self.now = max(self.now, until)

    def wait_for_timer(self, number: int) -> None:
        """Let the timer fire until the next attempt opens or the call is over."""
        for _ in range(1000):
            if self.answer is not None or len(self.opened) > number:
                return
            assert self.wake is not None, "the session waits for nothing"
            self.now = max(self.now, self.wake)
            self.feed(TimerFired())
        raise AssertionError("the session never settles")

    def _do(self, action: object) -> None:
        match action:
            case Open():
                self.opened.append(action)
                self.opened_at.append(self.now)
            case Drop():
                self.drops += 1
            case WakeAt(at):
                self.wake = at
            case Deliver(event):
                self._see(event)

    def _see(self, event: Event) -> None:
        assert self.answer is None, "something came after the end"
        match event:
            case Text(text):
                self.display += text
                self.displays.append(self.display)
            case Sentence(text):
                self.sentences.append(text)
            case Reset():
                self.display = ""
                self.sentences.clear()
                self.resets += 1
            case Notice():
                self.notices.append(event)
            case ToolCall():
                self.tools.append(event)
            case Done(answer):
                self.answer = answer


def stream(*events: str | bytes) -> list[Input]:
    """A 200 event stream with these raw events."""
    raw = [event.encode() if isinstance(event, str) else event for event in events]
    return [STREAM, *(BytesReceived(one) for one in raw)]
