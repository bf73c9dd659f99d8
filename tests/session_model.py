"""What a session must do, said once more: slow, without regard to cost, and sharing no code with it.

It knows one way to go on after a failure, which is to ask again, and no other target.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from client_under_test.answer import Outcome
from client_under_test.continuation import Strategy
from client_under_test.policy import Limits, Policy, RetryPolicy

LIMITS = Limits(first_byte=10, whole_response=40, first_event=20, idle=30, progress=60, closing=1, total=300)
RETRY = RetryPolicy(max_attempts=4, base=1.0, rate_limit_base=3.0, cap=5.0, jitter=0.5, max_retry_after=60.0)
POLICY = Policy(limits=LIMITS, retry=RETRY, strategy=Strategy.RESTART, max_pauses=1, sentence_idle=0)
STREAMS_BEFORE_FALLBACK = 2
NEXT = {
    "idle": {"waiting", "done"},
    "waiting": {"streaming", "reading", "backing_off", "done"},
    "streaming": {"backing_off", "done"},
    "reading": {"backing_off", "done"},
    "backing_off": {"waiting", "done"},
}
_OUTCOMES = {"end_turn": Outcome.COMPLETE, "max_tokens": Outcome.TRUNCATED, "pause_turn": Outcome.PAUSED}
_OF_ATTEMPT = ("first_byte", "whole_response", "first_event", "idle", "progress", "closing")
_IN_ORDER = ("total", *_OF_ATTEMPT, "retry")
"""Which is honoured when several are due."""


@dataclass
class Said:
    """One event of a stream, and its bytes."""

    kind: str
    text: str = ""
    reason: str = ""

    @property
    def wire(self) -> bytes:
        if self.kind == "comment":
            return b": still there\n\n"
        if self.kind == "nonsense":
            return b"event: content_block_delta\ndata: {\n\n"
        return f"event: {self.kind}\ndata: {json.dumps({'type': self.kind, **self._fields()})}\n\n".encode()

    def _fields(self) -> dict[str, Any]:
        match self.kind:
            case "message_start":
                return {"message": {"id": "m", "type": "message", "role": "assistant", "content": [], "usage": {}}}
            case "content_block_start":
                return {"index": 0, "content_block": {"type": "text", "text": ""}}
            case "content_block_delta":
                return {"index": 0, "delta": {"type": "text_delta", "text": self.text}}
            case "content_block_stop":
                return {"index": 0}
            case "message_delta":
                return {"delta": {"stop_reason": self.reason}, "usage": {}}
            case "error":
                return {"error": {"type": "overloaded_error", "message": "Overloaded"}}
        return {}


@dataclass
class Model:
    """One call, as far as a caller and a connection can see it."""

    now: float = 0.0
    state: str = "idle"
    settled: str = ""
    """Text of turns that are over."""
    display: str = ""
    """Text of the turn in progress."""
    outcome: Outcome | None = None
    due: dict[str, float] = field(default_factory=dict)
    requests: int = 0
    pauses: int = 0
    wait: tuple[float, float] = (0.0, 0.0)
    """Between which two the last wait had to be."""
    said: str = ""
    refusal: tuple[int, float | None] | None = None
    reason: str = ""
    in_block: bool = False
    _failures: int = 0
    _failed_streams: int = 0

    @property
    def streams(self) -> bool:
        """Whether a request asks for a stream."""
        return self._failed_streams < STREAMS_BEFORE_FALLBACK

    @property
    def wake(self) -> float | None:
        """When the timer is due."""
        return min(self.due.values(), default=None)

    # ---- what happens

    def start(self) -> None:
        self._set("total")
        self._ask()

    def head(self, status: int, hint: float | None, *, is_stream: bool) -> None:
        self._clear("first_byte", "whole_response")
        self.refusal = (status, hint) if status != 200 else None
        if is_stream:
            self.state = "streaming"
            self._set("first_event")
        else:
            self.state = "reading"
            self._set("idle", "progress")

    def bytes(self) -> None:
        if "first_event" not in self.due:
            self._set("idle")

    def event(self, said: Said) -> None:
        if said.kind in ("error", "nonsense"):
            self.broken()
            return
        if said.kind == "comment":
            return
        if "first_event" in self.due:
            self._clear("first_event")
            self._set("idle", "progress")
        if said.kind != "ping":
            self._set("progress")
        self.in_block = said.kind == "content_block_start" or (self.in_block and said.kind != "content_block_stop")
        self.reason = said.reason or self.reason
        self._say(said.text)
        if self.reason and "closing" not in self.due:
            self._set("closing")
        if said.kind == "message_stop":
            self._complete()

    def end(self, text: str | None) -> None:
        """The body ended; ``text`` is the text of the message that it is, if it is one and no stream."""
        if self.state == "streaming" or self.refusal is not None or text is None:
            self.broken()
            return
        self.reason = "end_turn"
        self._say(text)
        self._complete()

    def broken(self) -> None:
        """The attempt can go no further."""
        if self.state == "streaming" and self.reason and not self.in_block:
            self._complete()
        elif self.refusal is not None:
            status, hint = self.refusal
            self._fail(retryable=status not in (400, 401), hint=hint, base=3.0 if status == 429 else 1.0)
        else:
            self._fail()

    def timer(self) -> None:
        name = next((one for one in _IN_ORDER if self.due.get(one, self.now + 1) <= self.now), None)
        if name is None:
            return
        self._clear(name)
        if name == "retry":
            self._ask()
        elif name == "total" and not (self.state == "streaming" and self.reason and not self.in_block):
            self._end(self._unfinished())
        else:
            self.broken()

    def cancel(self) -> None:
        self._end(Outcome.CANCELLED)

    # ---- what that means

    def _ask(self) -> None:
        self.state = "waiting"
        self.requests += 1
        self.said, self.reason, self.in_block, self.refusal = "", "", False, None
        self._set("first_byte" if self.streams else "whole_response")

    def _say(self, text: str) -> None:
        """What an attempt repeats is not shown again; as soon as it says something else, that is shown instead."""
        self.said += text
        if not self.display.startswith(self.said):
            self.display = self.said

    def _complete(self) -> None:
        if not self.reason:
            self._fail()
            return
        self.display = self.said
        outcome = _OUTCOMES[self.reason]
        if outcome is Outcome.PAUSED and self.pauses < POLICY.max_pauses:
            self.pauses += 1
            self.settled, self.display = self.settled + self.display, ""
            self._back_off((0.0, 0.0))
        else:
            self._end(outcome)

    def _fail(self, *, retryable: bool = True, hint: float | None = None, base: float = 1.0) -> None:
        self._failures += 1
        self._failed_streams += self.state == "streaming"
        gives_up = self._failures >= RETRY.max_attempts or (hint is not None and hint > RETRY.max_retry_after)
        if not retryable or gives_up:
            self._end(self._unfinished())
            return
        shortest = max(min(RETRY.cap, base * 2 ** (self._failures - 1)), hint or 0.0)
        self._back_off((shortest, shortest * (1 + RETRY.jitter)))

    def _back_off(self, wait: tuple[float, float]) -> None:
        self.state, self.wait = "backing_off", wait
        self._clear(*_OF_ATTEMPT)

    def _unfinished(self) -> Outcome:
        return Outcome.INCOMPLETE if self.settled + self.display else Outcome.FAILED

    def _end(self, outcome: Outcome) -> None:
        self.state, self.outcome = "done", outcome
        self.due.clear()

    def _set(self, *names: str) -> None:
        for name in names:
            self.due[name] = self.now + getattr(LIMITS, name)

    def _clear(self, *names: str) -> None:
        for name in names:
            self.due.pop(name, None)
