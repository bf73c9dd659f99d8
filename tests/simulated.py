"""Runs one call of the client against a script of the fake server: in virtual time, without sockets or event loop.

The client's bytes are those that the server would write, cut into reads by chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from client_under_test.answer import Answer
from client_under_test.errors import ConnectionLost
from client_under_test.events import Done, Event
from client_under_test.policy import Limits, Policy, RetryPolicy
from client_under_test.session import Session
from client_under_test.signals import (
    Action,
    BodyEnded,
    BytesReceived,
    CancelRequested,
    Deliver,
    Drop,
    HeadReceived,
    Input,
    Open,
    Started,
    TimerFired,
    TransportFailed,
    WakeAt,
)
from client_under_test.targets import Target
from fake_server.answer import refusal
from fake_server.effects import Close, Effect, End, Reset, Send, Wait
from fake_server.script import Reply, Request, Script
from fake_server.validate import Problem, problem_in

HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
LIMITS = Limits(first_byte=10, whole_response=40, first_event=20, idle=30, progress=60, closing=1, total=3000)
POLICY = Policy(limits=LIMITS, retry=RetryPolicy(max_attempts=5, base=1, cap=8), sentence_idle=1)


@dataclass
class Attempt:
    """One request, and what came of its response to the client."""

    request: dict[str, Any]
    opened_at: float
    problem: Problem | None
    status: int
    headers: dict[str, str]
    received: bytearray = field(default_factory=bytearray)
    struck: list[str] = field(default_factory=list)
    ended_at: float | None = None
    dropped_at: float | None = None


@dataclass
class Simulation:
    """One call from its beginning to its end.

    Args:
        script: what the server answers.
        request: the caller's request.
        seed: of texts, faults, reads and jitter.
        cancel_at: when the caller cancels, in seconds.
    """

    script: Script
    request: dict[str, Any]
    seed: str = "s"
    policy: Policy = POLICY
    targets: tuple[Target, ...] = (Target(),)
    cancel_at: float | None = None
    now: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    seen: list[tuple[float, Event]] = field(default_factory=list)
    answer: Answer | None = None

    def __post_init__(self) -> None:
        self._chance = Random(f"{self.seed}/reads")
        self._session = Session(self.request, self.policy, Random(f"{self.seed}/client"), self.targets)
        self._wake: float | None = None
        self._line: Iterator[Input | float] | None = None
        self._valid = 0

    @property
    def events(self) -> list[Event]:
        """What the caller saw, in order."""
        return [event for _, event in self.seen]

    def run(self) -> Simulation:
        """Run to the end."""
        self._feed(Started())
        for _ in range(100_000):
            if self.answer is not None:
                return self
            self._step()
        raise AssertionError("the call never settles")

    def _step(self) -> None:
        happened = None if self._line is None else next(self._line, None)
        if happened is None:
            assert self._wake is not None, "the session waits for nothing"
            self._wait(self._wake)
            self._fire()
        elif isinstance(happened, float | int):
            self._pass(float(happened))
        else:
            self._feed(happened)

    def _pass(self, seconds: float) -> None:
        """The server waits; the client's timer fires on the way, and may end the attempt."""
        until, line = self.now + seconds, self._line
        while self.answer is None and self._line is line and self._wake is not None and self._wake <= until:
            self._wait(self._wake)
            self._fire()
        if self.answer is None and self._line is line:
            self._wait(until)

    def _wait(self, until: float) -> None:
        if self.cancel_at is not None and self.now <= self.cancel_at <= until:
            self.now, self.cancel_at = self.cancel_at, None
            self._feed(CancelRequested())
        self.now = max(self.now, until)

    def _fire(self) -> None:
        if self.answer is None:
            self._feed(TimerFired())

    def _feed(self, happened: Input) -> None:
        for action in self._session.handle(happened, self.now):
            self._do(action)

    def _do(self, action: Action) -> None:
        match action:
            case Open(body, _):
                self._open(dict(body))
            case Drop():
                self.attempts[-1].dropped_at = self.now
                self._line = None
            case WakeAt(at):
                self._wake = at
            case Deliver(event):
                assert self.answer is None, "something came after the end"
                self.seen.append((self.now, event))
                if isinstance(event, Done):
                    self.answer = event.answer

    def _open(self, body: dict[str, Any]) -> None:
        problem = problem_in(body, HEADERS)
        self._valid += problem is None
        request = Request(attempt=self._valid if problem is None else 0, seed=self.seed, body=body, now=0.0)
        reply = self.script.reply(request) if problem is None else refusal(request, problem.status, problem.message)
        head = reply.head
        for fault in reply.faults:
            head = fault.head(head)
        attempt = Attempt(body, self.now, problem, head.status, dict(head.headers))
        self.attempts.append(attempt)
        self._line = self._inputs(attempt, self._effects(reply, request))

    def _effects(self, reply: Reply, request: Request) -> Iterator[Effect]:
        body: Any = reply.body
        for number, fault in enumerate(reply.faults):
            body = fault.body(body, request.chance(f"{number}.{fault.name}.body"))
        return iter(body)

    def _inputs(self, attempt: Attempt, effects: Iterator[Effect]) -> Iterator[Input | float]:
        yield HeadReceived(attempt.status, attempt.headers)
        for effect in effects:
            match effect:
                case Send(data):
                    yield from self._reads(attempt, data)
                case Wait(seconds):
                    yield seconds
                case End():
                    attempt.ended_at = self.now
                    yield BodyEnded()
                case Close() | Reset():
                    attempt.ended_at = self.now
                    yield TransportFailed(ConnectionLost("the connection broke"))
                case _:
                    attempt.struck += [effect.fault] if hasattr(effect, "fault") else []

    def _reads(self, attempt: Attempt, data: bytes) -> Iterator[Input]:
        while data:
            size = self._chance.choice((1, 3, 17, 200, len(data)))
            attempt.received += data[:size]
            yield BytesReceived(data[:size])
            data = data[size:]
