"""One call as a state machine: what happened goes in, what to do comes out. No socket, no clock, no chance of its own.

Rules:

1. Every input is handled with the time at which it happened; there is one timer, and ``WakeAt`` replaces it.
2. An answer is whole when its terminal event came. How the body ends says nothing about that: a clean end without a
   terminal is a failure, a broken end after one is not.
3. Bytes prove that the connection lives, events that the model works: silence and lack of progress have their own
   deadlines.
4. What has been shown is never shown again. A later attempt goes on after it, or says the answer anew in its shadow;
   where that cannot be, the display is reset first.
5. Errors that would come again end the call at once. All others are retried within one budget, later each time.
6. After two failed streams the answer is asked for without streaming; after that, elsewhere, if there is an elsewhere.
7. A turn that pauses is gone on with; that is no failure.
8. Whatever happens, the call ends once, with an answer or with an error that carries the text so far.

::

    idle ─► waiting ─► streaming ─► done
              │ ▲  └─► reading ──► done        reading: a body that is not a stream
              ▼ │         │
            backing_off ◄─┘ (from every state of an attempt)

The transitions are data (:data:`NEXT`) and checked after every input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from random import Random
from typing import Any, assert_never

from client_under_test.answer import Answer, Outcome, ToolCall
from client_under_test.attempt import Attempt, has_content
from client_under_test.buffer import SentenceBuffer
from client_under_test.continuation import Strategy, strategy_for
from client_under_test.deadlines import OF_ATTEMPT, Deadline, Deadlines
from client_under_test.dialects.anthropic import ANTHROPIC
from client_under_test.dialects.dialect import Dialect
from client_under_test.dialects.events import Event
from client_under_test.display import Shown
from client_under_test.errors import AnswerTruncated, ApiError, PromptTooLarge, Stalled, StreamError
from client_under_test.events import Done, Next, Notice, Reset, Sentence, Text
from client_under_test.policy import Policy
from client_under_test.prompt_size import largest
from client_under_test.redact import Redactor
from client_under_test.route import Route
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
from client_under_test.transcript import Transcript
from client_under_test.usage import Ledger


class State(Enum):
    """Where a call can be."""

    IDLE = "idle"
    WAITING = "waiting"
    STREAMING = "streaming"
    READING = "reading"
    BACKING_OFF = "backing_off"
    DONE = "done"


NEXT: Mapping[State, frozenset[State]] = {
    State.IDLE: frozenset({State.WAITING, State.DONE}),
    State.WAITING: frozenset({State.STREAMING, State.READING, State.BACKING_OFF, State.DONE}),
    State.STREAMING: frozenset({State.BACKING_OFF, State.DONE}),
    State.READING: frozenset({State.BACKING_OFF, State.DONE}),
    State.BACKING_OFF: frozenset({State.WAITING, State.DONE}),
    State.DONE: frozenset(),
}


class Session:
    """The state machine of one call.

    Args:
        request: the JSON body of the request, without ``stream``.
        policy: limits and rules.
        chance: the source of jitter.
        targets: whom to ask, in order; the first one need not say anything.
        dialect: of the API that all of them speak.
    """

    def __init__(
        self,
        request: Mapping[str, Any],
        policy: Policy,
        chance: Random,
        targets: Sequence[Target] = (Target(),),
        dialect: Dialect = ANTHROPIC,
    ) -> None:
        self.state = State.IDLE
        self.in_sentences = True
        """Whether text is given out in sentences as well."""
        self._request, self._policy, self._limits = request, policy, policy.limits
        self._dialect = dialect
        self._route = Route(targets, policy.retry, chance)
        self._deadlines = Deadlines(policy.limits)
        self._transcript = Transcript()
        self._sentences = SentenceBuffer(max_idle=policy.sentence_idle, max_chars=policy.sentence_chars)
        self._ledger = Ledger()
        self._attempt = Attempt(Strategy.RESTART, policy.limits, dialect)
        self._wake: float | None = None
        self._actions: list[Action] = []
        self._now = 0.0
        self._attempts = self._pauses = 0
        self._has_shown = False
        """Whether the attempt in progress has added anything to the display."""
        self._errors: list[StreamError] = []
        self._request_ids: list[str] = []
        self._refused: set[Strategy] = set()
        """Ways to continue that the server does not take."""

    def handle(self, happened: Input, now: float) -> list[Action]:
        """Take what happened at ``now`` and return what to do, in order. After ``Done`` nothing is ever returned.

        Raises:
            RuntimeError: the input cannot occur in this state; a fault of the driver, never of the server.
        """
        if self.state is State.DONE:
            return []
        self._now, self._actions, before = now, [], self.state
        self._dispatch(happened)
        if self.state is not before and self.state not in NEXT[before]:
            raise RuntimeError(f"no transition from {before.value} to {self.state.value} on {happened}")
        self._set_timer()
        return self._actions

    def _dispatch(self, happened: Input) -> None:
        match happened:
            case BytesReceived(data):
                self._take_bytes(data)
            case TimerFired():
                self._take_timer()
            case HeadReceived():
                self._take_head(happened)
            case BodyEnded():
                self._take_end()
            case TransportFailed(error):
                self._break_off(error)
            case Started():
                self._start(Deadline.TOTAL)
                self._open()
            case CancelRequested():
                self._cancel()
            case _:
                assert_never(happened)

    # ---- an attempt begins

    def _open(self) -> None:
        self.state = State.WAITING
        self._attempts += 1
        strategy, body = self._strategy(), self._body()
        self._attempt = self._begin(strategy)
        self._has_shown = False
        if strategy is not Strategy.RESTART:
            body = self._dialect.continued(body, self._transcript.display.unsettled, strategy)
        goes_on = strategy is not Strategy.RESTART
        self._transcript.begin(goes_on=goes_on, may_repeat=strategy is not Strategy.PREFILL)
        streams = self._streams()
        self._start(Deadline.FIRST_BYTE if streams else Deadline.WHOLE_RESPONSE)
        asked = self._dialect.asking(body, streams=streams)
        self._actions.append(Open(asked, self._route.target, self._dialect))

    def _begin(self, strategy: Strategy) -> Attempt:
        return Attempt(strategy, self._limits, self._dialect)

    def _body(self) -> Mapping[str, Any]:
        """The request for the target in turn, with the turns that paused."""
        model = self._route.target.model
        request = self._request if model is None else {**self._request, "model": model}
        return self._dialect.after_pauses(request, self._transcript.paused, self._transcript.container)

    def _strategy(self) -> Strategy:
        if self._transcript.paused:
            return Strategy.RESTART  # a paused turn can only be gone on with as it came
        return strategy_for(
            self._body(),
            self._transcript.display.unsettled,
            table=self._dialect.table if self._policy.table is None else self._policy.table,
            forced=self._policy.strategy,
            refused=self._refused | self._dialect.cannot,
        )

    def _streams(self) -> bool:
        return self._route.streams(self._dialect.most_tokens(self._request))

    def _take_head(self, head: HeadReceived) -> None:
        self._expect(State.WAITING)
        self._deadlines.clear(Deadline.FIRST_BYTE, Deadline.WHOLE_RESPONSE)
        try:
            self._attempt.take_head(head)
        except StreamError as error:
            self._fail(error)
            return
        if self._attempt.is_stream:
            self.state = State.STREAMING
            self._start(Deadline.FIRST_EVENT)
        else:
            self.state = State.READING
            self._start(Deadline.IDLE, Deadline.PROGRESS)

    # ---- an attempt goes on

    def _take_bytes(self, data: bytes) -> None:
        if self.state is not State.STREAMING:
            self._expect(State.READING)
        if Deadline.FIRST_EVENT not in self._deadlines:
            self._start(Deadline.IDLE)
        try:
            for event, text in self._attempt.take_bytes(data):
                self._take_event(event, text)
        except StreamError as error:
            self._break_off(error)
            return
        if self._attempt.message.stopped:
            self._complete()

    def _take_event(self, event: Event, text: str) -> None:
        if Deadline.FIRST_EVENT in self._deadlines:
            self._deadlines.clear(Deadline.FIRST_EVENT)
            self._start(Deadline.IDLE, Deadline.PROGRESS)
        if has_content(event):
            self._start(Deadline.PROGRESS)
        if text:
            self._show(self._transcript.say(text))
        if self._attempt.message.stop_reason is not None and Deadline.CLOSING not in self._deadlines:
            self._start(Deadline.CLOSING)

    # ---- an attempt ends

    def _take_end(self) -> None:
        if self.state is State.READING:
            self._read_body()
            return
        self._expect(State.STREAMING)
        self._break_off(AnswerTruncated("the stream ended before the answer did"))

    def _break_off(self, error: StreamError) -> None:
        """The attempt can go no further. That is a failure, unless what came before is whole or says why."""
        if self.state is State.STREAMING and self._attempt.message.whole:
            self._complete()
        elif self._attempt.is_refused:
            self._fail(self._attempt.refusal())
        else:
            self._fail(error)

    def _read_body(self) -> None:
        """A whole body that is no stream: an error, a message, or something else."""
        try:
            self._attempt.read_body()
        except StreamError as error:
            self._fail(error)
            return
        self._show(self._transcript.say(self._attempt.message.text))
        self._complete()

    def _complete(self) -> None:
        """The message is whole on the wire; take it, unless its content shows that something was lost."""
        try:
            outcome, tools = self._attempt.result()
        except StreamError as error:
            self._fail(error)
            return
        self._show(self._transcript.finish())
        if self._attempt.strategy is Strategy.RESTART:
            self._ledger.start_over()
        if self._attempt.message.stop_reason in self._dialect.going_on and self._pauses < self._policy.max_pauses:
            self._go_on()
        else:
            self._finish(outcome, tools=tools)

    def _go_on(self) -> None:
        """The turn paused: send it back as it came, and go on."""
        self._pauses += 1
        self._transcript.pause(self._attempt.message)
        self._leave_attempt(used=True)
        self._ledger.settle()
        self._attempt = self._begin(Strategy.RESTART)  # what this one said is told and kept
        self._back_off(0.0, Next.GO_ON, None)

    # ---- an attempt has failed

    def _fail(self, error: StreamError) -> None:
        """Try again, or end the call with this error."""
        error.message = Redactor([self._route.target.api_key]).text(error.message)  # a server may quote the key
        error.request_ids = tuple(one for one in (self._attempt.request_id,) if one is not None)
        changes = self._is_refused_continuation(error)
        if changes:
            self._refused.add(self._attempt.strategy)
        place = self._route.place
        wait = self._route.after(error, streamed=self.state is State.STREAMING, changes=changes)
        if wait is None:
            self._give_up(error)
            return
        self._errors.append(error)
        self._transcript.interrupted(self._attempt.message)
        self._leave_attempt(sent=error.reached is not False, used=self._has_shown)
        self._back_off(wait, self._next(moved=place != self._route.place), error)

    def _is_refused_continuation(self, error: StreamError) -> bool:
        """Whether the server would not continue like this: the same conversation without it had begun well."""
        return isinstance(error, ApiError) and error.status == 400 and self._attempt.strategy is not Strategy.RESTART

    def _next(self, *, moved: bool) -> Next:
        if moved:
            return Next.ELSEWHERE
        if not self._streams():
            return Next.WITHOUT_STREAM
        return Next.RETRY if self._strategy() is Strategy.RESTART else Next.CONTINUE

    def _back_off(self, wait: float, following: Next, error: StreamError | None) -> None:
        self.state = State.BACKING_OFF
        self._deadlines.set(Deadline.RETRY, self._now + wait)
        self._actions.append(Deliver(Notice(following, self._attempts + 1, wait, error)))

    def _give_up(self, error: StreamError) -> None:
        if isinstance(error, PromptTooLarge) and (part := largest(self._request)).bytes:
            error.message += f"; its largest part is {part}"
        self._transcript.interrupted(self._attempt.message)
        self._finish(Outcome.INCOMPLETE if self._transcript.text else Outcome.FAILED, error=error)

    def _cancel(self) -> None:
        self._transcript.interrupted(self._attempt.message)
        self._finish(Outcome.CANCELLED)

    def _leave_attempt(self, *, used: bool, sent: bool = True) -> None:
        if self.state in (State.WAITING, State.STREAMING, State.READING):
            self._actions.append(Drop())
            self._ledger.add(self._attempt.spent(sent=sent, used=used))
            if self._attempt.request_id is not None:
                self._request_ids.append(self._attempt.request_id)
        self._deadlines.clear(*OF_ATTEMPT)

    def _finish(self, outcome: Outcome, *, error: StreamError | None = None, tools: tuple[ToolCall, ...] = ()) -> None:
        used = self._has_shown or (error is None and outcome is not Outcome.CANCELLED)
        self._leave_attempt(sent=error is None or error.reached is not False, used=used)
        self._give_out(self._sentences.flush())
        self.state = State.DONE
        answer = self._answer(outcome, error, tools)
        if error is not None:
            error.partial, error.blocks = answer.text, answer.content
            error.attempts, error.request_ids = answer.attempts, answer.request_ids
            error.earlier = tuple(self._errors)
        self._actions += [Deliver(call) for call in tools]
        self._actions.append(Deliver(Done(answer)))

    def _answer(self, outcome: Outcome, error: StreamError | None, tools: tuple[ToolCall, ...]) -> Answer:
        message = self._attempt.message
        return Answer(
            outcome=outcome,
            text=self._transcript.text,
            stop_reason=message.stop_reason,
            stop_sequence=message.stop_sequence,
            stop_details=message.stop_details or ({"refusal": message.refusal} if message.refusal else None),
            tool_calls=tools,
            content=self._dialect.sent_back(self._transcript.content(message)),
            unknown_deltas=message.unknown_deltas,
            usage=dict(message.usage),
            billed=self._ledger.billed,
            wasted=self._ledger.wasted,
            container=message.container or self._transcript.container,
            model=message.model,
            message_id=message.id,
            request_ids=tuple(self._request_ids),
            attempts=self._attempts,
            error=error,
        )

    # ---- the display

    def _show(self, shown: Shown) -> None:
        if shown.reset:
            self._ledger.start_over()
            self._sentences.drop()
            self._actions.append(Deliver(Reset()))
        if shown.text:
            self._has_shown = True
            self._actions.append(Deliver(Text(shown.text)))
            if self.in_sentences:
                self._give_out(self._sentences.push(shown.text, self._now))

    def _give_out(self, sentences: list[str]) -> None:
        self._actions += [Deliver(Sentence(one)) for one in sentences]

    # ---- time

    def _take_timer(self) -> None:
        due = self._deadlines.take(self._now)
        match due:
            case None:
                pass
            case Deadline.FLUSH:
                self._give_out(self._sentences.tick(self._now))
            case Deadline.RETRY:
                self._open()
            case Deadline.TOTAL if self.state is not State.STREAMING or not self._attempt.message.whole:
                self._give_up(self._stalled(due))
            case _:
                self._break_off(self._stalled(due))

    def _start(self, *deadlines: Deadline) -> None:
        self._deadlines.start(*deadlines, now=self._now)

    def _stalled(self, deadline: Deadline) -> Stalled:
        return Stalled(f"{deadline.value} (limit {self._deadlines.limit(deadline)} s)")

    def _set_timer(self) -> None:
        self._deadlines.set(Deadline.FLUSH, self._sentences.due)
        at = None if self.state is State.DONE else self._deadlines.next
        if at != self._wake:
            self._wake = at
            self._actions.append(WakeAt(at))

    def _expect(self, state: State) -> None:
        if self.state is not state:
            raise RuntimeError(
                f"the driver reported something of a connection while the session was {self.state.value}"
            )
