"""Calls as the observers of a client see them: signals with the times at which they passed."""

from __future__ import annotations

from typing import Any

from client_under_test.answer import Answer, Outcome
from client_under_test.errors import StreamError
from client_under_test.events import Done, Next, Notice, Text
from client_under_test.observe import Watch
from client_under_test.signals import CancelRequested, Deliver, Open, Signal, Started, TimerFired, WakeAt
from client_under_test.targets import Target

KEY = "sk-ant-api03-ABCDEFGHIJKLMNOP"
REQUEST = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}

Passed = tuple[float, Signal]
START = Started()
OPEN = Open({**REQUEST, "stream": True}, Target())
CANCEL = CancelRequested()


def text(said: str = "Hello") -> Signal:
    return Deliver(Text(said))


def notice(error: StreamError | None, next_: Next = Next.RETRY, wait: float = 0.5, attempt: int = 2) -> Signal:
    return Deliver(Notice(next_, attempt, wait, error))


def done(outcome: Outcome = Outcome.COMPLETE, said: str = "Hello", **more: Any) -> Signal:
    return Deliver(Done(Answer(outcome=outcome, text=said, **more)))


def failed(error: StreamError, outcome: Outcome = Outcome.FAILED, said: str = "", **more: Any) -> Signal:
    return done(outcome, said, error=error, **more)


def play(watch: Watch, *passed: Passed, request: Any = REQUEST) -> None:
    """One call: each signal at its time."""
    observer = watch(request)
    for now, signal in passed:
        observer(signal, now)


def recovering(*errors: StreamError, end: Signal | None = None) -> list[Passed]:
    """A call that begins at 100 s, fails every second, is asked again half a second later and ends well."""
    passed: list[Passed] = [(100.0, START), (100.0, OPEN)]
    for second, error in enumerate(errors, start=101):
        passed += [(float(second), notice(error)), (float(second), WakeAt(second + 0.5))]
        passed += [(second + 0.5, TimerFired()), (second + 0.5, OPEN)]
    over = 100.0 + len(errors) + 1
    return [*passed, (over, text()), (over, end or done(attempts=len(errors) + 1))]
