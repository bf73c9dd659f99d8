"""The session against its model: whatever happens in any order, both say the same at every moment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from session_model import NEXT, POLICY, RETRY, Model, Said

from client_under_test.answer import Answer
from client_under_test.deadlines import Deadline
from client_under_test.errors import ConnectionFailed, ConnectionLost, StreamError
from client_under_test.events import Done, Notice, Reset, Sentence, Text
from client_under_test.session import Session, State
from client_under_test.signals import (
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

REQUEST = {"model": "some-local-model", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
HINTS: dict[str | None, float | None] = {None: None, "3": 3.0, "90": 90.0, "nan": None}
TEXTS = st.sampled_from(["a", "b", "ab", "a. B", ""])
STATUSES = st.sampled_from([200, 200, 200, 200, 200, 200, 529, 500, 429, 400, 401])
KINDS = st.sampled_from(["text/event-stream; charset=utf-8", "text/event-stream", "application/json"])
SIZES = st.just(10_000) | st.integers(1, 60)
LAST = st.sampled_from(["", "", "", "", "ping", "comment", "error", "nonsense", "message_stop"])
REASONS = st.sampled_from(["end_turn", "pause_turn", "pause_turn", "max_tokens"])
FOLLOWING = {
    "": "message_start",
    "message_start": "content_block_start",
    "content_block_start": "content_block_delta",
    "content_block_delta": "content_block_delta",
    "content_block_stop": "message_delta",
    "message_delta": "message_stop",
    "message_stop": "",
}
"""What comes behind each event of a stream in good order."""


@dataclass(frozen=True)
class Portion:
    """What the server writes at one time, and how much of all that it wrote is read then."""

    texts: list[str]
    events: int
    """So many in good order."""
    reason: str
    last: str
    """One more event, out of order."""
    size: int


@dataclass(frozen=True)
class Head:
    """How a response begins."""

    status: int
    hint: str | None
    kind: str


PORTIONS = st.builds(
    Portion, st.lists(TEXTS, min_size=1, max_size=4), st.sampled_from([9, 9, 7, 5, 3, 2, 1, 0]), REASONS, LAST, SIZES
)
ARGUMENTS: dict[str, st.SearchStrategy[Any]] = {
    "head": st.builds(Head, STATUSES, st.sampled_from(sorted(HINTS, key=str)), KINDS),
    "stream": PORTIONS,
    "body": PORTIONS,
    "over": st.booleans(),
    "wait": st.sampled_from([0.1, 1.0, 9.0, 25.0]),
}
POSSIBLE = {
    "waiting": ["head"] * 8 + ["over", "timer", "wait", "wait"],
    "streaming": ["stream"] * 6 + ["over", "timer", "wait", "wait", "cancel"],
    "reading": ["body", "body", "over", "over", "timer", "wait"],
    "backing_off": ["timer"] * 6 + ["wait", "cancel"],
}
"""In each state, and how often."""


class Calls(RuleBasedStateMachine):
    """One call of a session. The timer fires when it is due or later in that moment, never after it."""

    session_class: type[Session] = Session

    def __init__(self) -> None:
        super().__init__()
        self.session = self.session_class(REQUEST, POLICY, Random(1))
        self.model = Model()
        self.is_open = False
        self.requests = 0
        self.shown = self.sentences = ""
        self.wake: float | None = None
        self.answer: Answer | None = None
        self.waited: float | None = None
        self.coming: list[tuple[Said, int]] = []
        """Events of the stream that were not read to their end, and how much of each is left."""
        self.written: list[Said] = []
        self.sent, self.sent_read = b"", 0
        self.feed(Started(), self.model.start)

    # ---- driving both

    def feed(self, happened: Input, tell: Any) -> None:
        before = self.session.state
        self.waited = None
        for action in self.session.handle(happened, self.model.now):
            self.act(action)
        tell()
        if self.session.state is not before:
            assert self.session.state.value in NEXT[before.value]
        if self.waited is not None:
            shortest, longest = self.model.wait
            assert shortest <= self.waited <= longest
            self.model.due["retry"] = self.model.now + self.waited

    def act(self, action: Any) -> None:
        match action:
            case Open(body):
                assert not self.is_open, "the connection before was not dropped"
                self.is_open, self.requests = True, self.requests + 1
                self.coming, self.written, self.sent, self.sent_read = [], [], b"", 0
                assert body["stream"] is self.model.streams
            case Drop():
                assert self.is_open, "there is no connection"
                self.is_open = False
            case WakeAt(at):
                assert at is None or at >= self.model.now, "the timer is set to a time that has passed"
                self.wake = at
            case Deliver(event):
                self.see(event)

    def see(self, event: Any) -> None:
        assert self.answer is None, "something comes after the end"
        match event:
            case Text(text):
                self.shown += text
            case Sentence(text):
                self.sentences += text
            case Reset():
                assert self.shown, "nothing was shown that could be reset"
                self.shown = self.sentences = ""
            case Notice():
                self.waited = event.wait
                assert event.attempt == self.requests + 1
            case Done(answer):
                self.answer = answer

    # ---- what can happen

    @precondition(lambda self: self.model.state != "done")
    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One rule, because of several Hypothesis leaves out some in each run, and hardly any call gets far."""
        what = data.draw(st.sampled_from(POSSIBLE[self.model.state]))
        getattr(self, what)(data.draw(ARGUMENTS.get(what, st.none())))

    def head(self, head: Head) -> None:
        hint = {"retry-after": head.hint} if head.hint is not None else {}
        happened = HeadReceived(head.status, {"content-type": head.kind, **hint})
        is_stream = head.status == 200 and head.kind != "application/json"
        self.feed(happened, lambda: self.model.head(head.status, HINTS[head.hint], is_stream=is_stream))

    def stream(self, portion: Portion) -> None:
        texts = list(portion.texts)
        for _ in range(portion.events):
            kinds = [one.kind for one in self.written if one.kind in FOLLOWING]
            kind = FOLLOWING[kinds[-1] if kinds else ""]
            if kind == "content_block_delta" and texts:
                self.say(Said(kind, text=texts.pop()))
            elif kind == "content_block_delta":
                self.say(Said("content_block_stop"))
            elif kind:
                self.say(Said(kind, reason=portion.reason if kind == "message_delta" else ""))
        if portion.last and (portion.last != "message_stop" or self.may_stop()):
            self.say(Said(portion.last))
        self.read(portion.size)

    def may_stop(self) -> bool:
        return bool(self.written) and self.written[-1].kind == "content_block_stop"

    def say(self, said: Said) -> None:
        self.written.append(said)
        self.coming.append((said, len(said.wire)))

    def read(self, size: int) -> None:
        wire = b"".join(said.wire[len(said.wire) - left :] for said, left in self.coming)[:size]
        whole, size = [], len(wire)
        while size and self.coming:
            said, left = self.coming.pop(0)
            if left > size:
                self.coming.insert(0, (said, left - size))
                break
            size -= left
            whole.append(said)
        if wire:
            self.feed(BytesReceived(wire), lambda: self.take(whole))

    def take(self, whole: list[Said]) -> None:
        self.model.bytes()
        for said in whole:
            if self.model.state == "streaming":
                self.model.event(said)

    def body(self, portion: Portion) -> None:
        """The server writes a message, or the body of a refusal, and so many bytes of it are read."""
        if not self.sent:
            text = "".join(portion.texts)
            message = {"id": "m", "type": "message", "role": "assistant", "stop_reason": "end_turn", "usage": {}}
            self.sent, self.text = json.dumps({**message, "content": [{"type": "text", "text": text}]}).encode(), text
        data = self.sent[self.sent_read : self.sent_read + portion.size]
        self.sent_read += len(data)
        if data:
            self.feed(BytesReceived(data), self.model.bytes)

    def over(self, ends: bool) -> None:
        """The connection breaks, or the body ends in good order."""
        is_whole = bool(self.sent) and self.sent_read == len(self.sent)
        if self.model.state == "waiting":
            self.feed(TransportFailed(ConnectionFailed("refused")), self.model.broken)
        elif ends:
            self.feed(BodyEnded(), lambda: self.model.end(self.text if is_whole else None))
        else:
            self.feed(TransportFailed(ConnectionLost("reset")), self.model.broken)

    def wait(self, seconds: float) -> None:
        """Time passes, at most until the timer is due; one that fires too early says nothing."""
        assert self.wake is not None
        self.model.now = min(self.wake, self.model.now + seconds)
        if self.model.now < self.wake:
            assert self.session.handle(TimerFired(), self.model.now) == []

    def timer(self, _: None) -> None:
        assert self.wake is not None
        self.model.now = self.wake
        self.feed(TimerFired(), self.model.timer)

    def cancel(self, _: None) -> None:
        self.feed(CancelRequested(), self.model.cancel)

    @precondition(lambda self: self.model.state == "done")
    @rule(happened=st.sampled_from([TimerFired(), BodyEnded(), BytesReceived(b"x"), CancelRequested(), Started()]))
    def anything_afterwards(self, happened: Input) -> None:
        assert self.session.handle(happened, self.model.now) == []

    # ---- what must hold

    @invariant()
    def both_are_in_one_state(self) -> None:
        assert self.session.state.value == self.model.state
        assert self.is_open is (self.model.state in ("waiting", "streaming", "reading"))
        assert self.requests == self.model.requests <= RETRY.max_attempts + POLICY.max_pauses

    @invariant()
    def what_is_on_display_is_what_was_said_once(self) -> None:
        assert self.shown == self.model.settled + self.model.display

    @invariant()
    def the_timer_is_set_to_the_next_deadline(self) -> None:
        if self.model.state != "done":
            assert self.wake == self.model.wake

    @invariant()
    def the_call_ends_once_with_its_answer(self) -> None:
        assert (self.answer is None) is (self.model.outcome is None)
        if self.answer is not None:
            assert self.answer.outcome is self.model.outcome
            assert self.answer.text == self.shown == self.sentences
            assert self.answer.attempts == self.requests
            assert (self.answer.error is None) is (self.answer.outcome.value not in ("incomplete", "failed"))


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=150, stateful_step_count=50)


# ---- the model tells a broken session


class CleanEndIsComplete(Session):
    def _take_end(self) -> None:
        if self.state is State.STREAMING:
            self._attempt.message.stop_reason = "end_turn"
            self._complete()
        else:
            super()._take_end()


class IdleIsNeverStartedAgain(Session):
    def _take_bytes(self, data: bytes) -> None:
        idle, self._start = self._start, lambda *which: idle(*(set(which) - {Deadline.IDLE}))  # type: ignore[method-assign]
        super()._take_bytes(data)


class KeepsConnections(Session):
    def _leave_attempt(self, *, used: bool, sent: bool = True) -> None:
        kept = list(self._actions)
        super()._leave_attempt(used=used, sent=sent)
        self._actions = kept


class ShowsItAllAgain(Session):
    def _open(self) -> None:
        super()._open()
        self._transcript.display._attempt._before = ""  # type: ignore[attr-defined]


class RetriesWhatIsHopeless(Session):
    def _fail(self, error: StreamError) -> None:
        error.retryable = True
        super()._fail(error)


class ComesBackTooEarly(Session):
    def _back_off(self, wait: float, *rest: Any) -> None:
        super()._back_off(wait * 0.7, *rest)


class PausesForever(Session):
    def _go_on(self) -> None:
        super()._go_on()
        self._pauses = 0


@pytest.mark.parametrize(
    "broken",
    [
        CleanEndIsComplete,
        IdleIsNeverStartedAgain,
        KeepsConnections,
        ShowsItAllAgain,
        RetriesWhatIsHopeless,
        ComesBackTooEarly,
        PausesForever,
    ],
)
def test_the_model_tells_a_broken_session_from_a_good_one(broken: type[Session]) -> None:
    machine = type("Broken", (Calls,), {"session_class": broken})
    quickly = settings(TestCalls.settings, max_examples=2000, phases=[Phase.generate], database=None)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(machine, settings=quickly)
