"""One call as a state machine: what happened goes in, what to do comes out. No socket, no clock, no chance of its own.

Rules:

1. Every input is handled with the time at which it happened; there is one timer, and ``WakeAt`` replaces it.
2. An answer is whole when its terminal event came. How the body ends says nothing about that: a clean end without a
   terminal is a failure, a broken end after one is not.
3. Bytes prove that the connection lives, events that the model works: silence and lack of progress have their own
   deadlines.
4. What has been shown is never shown again. A later attempt adds what is missing, or the display is reset first.
5. Errors that would come again end the call at once. All others are retried within the budget, later each time.
6. After two failed streams the answer is asked for without streaming.
7. Whatever happens, the call ends once, with an answer or with an error that carries the text so far.

::

    idle ─► waiting ─► streaming ─► done
              │ ▲  └─► reading ──► done        reading: a body that is not a stream
              ▼ │         │
            backing_off ◄─┘ (from every state of an attempt)

The transitions are data (:data:`NEXT`) and checked after every input.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from random import Random
from typing import Any, assert_never

from client_under_test.answer import OUTCOMES, Answer, Outcome
from client_under_test.assemble import Message, ToolCall, message_of
from client_under_test.buffer import SentenceBuffer
from client_under_test.continuation import Display, Shown
from client_under_test.dialects.anthropic import (
    ErrorReported,
    NoContent,
    decode_object,
    error_in_stream,
    error_of_status,
    parse,
)
from client_under_test.errors import (
    AnswerTruncated,
    LimitExceeded,
    ProtocolError,
    Stalled,
    StreamError,
    UnknownStopReason,
    WrongContentType,
)
from client_under_test.policy import Policy, retry_after
from client_under_test.signals import (
    Action,
    BodyEnded,
    BytesReceived,
    CancelRequested,
    Deliver,
    Drop,
    Finish,
    HeadReceived,
    Input,
    Open,
    Recovering,
    Started,
    TextAdded,
    TextReset,
    TimerFired,
    TransportFailed,
    WakeAt,
)
from client_under_test.sse import SseDecoder

_CODINGS = ("identity", "", "gzip", "deflate")
"""Content codings that the transport takes off."""

LOST_OUTPUT_TOKENS = 10
"""An empty answer that was billed at least so many output tokens lost them on the way."""


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


class Deadline(Enum):
    """The silences that end something, in the order in which they are honoured when several are due."""

    TOTAL = "the whole call took too long"
    FIRST_BYTE = "no response came"
    WHOLE_RESPONSE = "no response came without streaming"
    FIRST_EVENT = "no event came after the response began"
    IDLE = "nothing at all came"
    PROGRESS = "only signs of life came, and no content"
    CLOSING = "message_stop did not come"
    RETRY = "time to try again"
    FLUSH = "time to show what is held"


_OF_ATTEMPT = (
    Deadline.WHOLE_RESPONSE,
    Deadline.FIRST_BYTE,
    Deadline.FIRST_EVENT,
    Deadline.IDLE,
    Deadline.PROGRESS,
    Deadline.CLOSING,
)


class Session:
    """The state machine of one call.

    Args:
        request: the JSON body of the request, without ``stream``.
        policy: limits and retry rules.
        chance: the source of jitter.
    """

    def __init__(self, request: Mapping[str, Any], policy: Policy, chance: Random) -> None:
        self.state = State.IDLE
        self._request = request
        self._policy, self._limits, self._chance = policy, policy.limits, chance
        self._display = Display()
        self._buffer = SentenceBuffer(max_age=policy.sentence_age)
        self._deadlines: dict[Deadline, float] = {}
        self._wake: float | None = None
        self._actions: list[Action] = []
        self._now = 0.0
        self._errors: list[StreamError] = []
        self._attempts = self._failed_streams = 0
        self._visible = False
        """Whether the reader sees any text; while not, an answer may start over without a word."""
        self._begin_attempt()

    def handle(self, happened: Input, now: float) -> list[Action]:
        """Take what happened at ``now`` and return what to do, in order. After ``Finish`` nothing is ever returned.

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
                if self._limits.total is not None:
                    self._deadlines[Deadline.TOTAL] = self._now + self._limits.total
                self._open()
            case CancelRequested():
                self._cancel()
            case _:
                assert_never(happened)

    # ---- an attempt begins

    def _begin_attempt(self) -> None:
        self._decoder = SseDecoder(
            max_line_bytes=self._limits.max_event_bytes, max_event_bytes=self._limits.max_event_bytes
        )
        self._message = Message()
        self._head = HeadReceived(0, {})
        self._body = bytearray()
        self._size = 0
        self._display.begin()

    def _open(self) -> None:
        self.state = State.WAITING
        self._attempts += 1
        self._begin_attempt()
        max_tokens = _count(self._request, "max_tokens")
        streams = self._policy.retry.streams_next(self._failed_streams, max_tokens)
        self._set(Deadline.FIRST_BYTE if streams else Deadline.WHOLE_RESPONSE)
        self._actions.append(Open({**self._request, "stream": streams}, again=self._attempts > 1))

    def _take_head(self, head: HeadReceived) -> None:
        self._expect(State.WAITING)
        self._head = head
        self._deadlines.pop(Deadline.FIRST_BYTE, None)
        self._deadlines.pop(Deadline.WHOLE_RESPONSE, None)
        media_type = head.headers.get("content-type", "").partition(";")[0].strip().lower()
        coding = head.headers.get("content-encoding", "identity").lower()
        if head.status != 200 or media_type == "application/json":
            self.state = State.READING
            self._set(Deadline.IDLE)
            self._set(Deadline.PROGRESS)
        elif media_type == "text/html" or coding not in _CODINGS:
            self._fail(WrongContentType(f"the server answered 200 with {media_type} ({coding}) instead of an answer"))
        else:
            self.state = State.STREAMING
            self._set(Deadline.FIRST_EVENT)

    # ---- an attempt goes on

    def _take_bytes(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limits.max_body_bytes:
            self._break_off(LimitExceeded(f"the body is larger than {self._limits.max_body_bytes} bytes"))
        elif self.state is State.STREAMING:
            self._stream(data)
        else:
            self._expect(State.READING)
            self._set(Deadline.IDLE)
            self._body += data

    def _stream(self, data: bytes) -> None:
        if Deadline.FIRST_EVENT not in self._deadlines:
            self._set(Deadline.IDLE)
        try:
            for sse in self._decoder.feed(data):
                self._take_event(parse(sse))
                if self._message.stopped:
                    break
        except StreamError as error:
            self._break_off(error)
            return
        if self._message.stopped:
            self._complete()

    def _take_event(self, event: Any) -> None:
        if self._deadlines.pop(Deadline.FIRST_EVENT, None) is not None:
            self._set(Deadline.IDLE)
            self._set(Deadline.PROGRESS)
        if not isinstance(event, NoContent | ErrorReported):
            self._set(Deadline.PROGRESS)
        text = self._message.apply(event)
        if text:
            self._show(self._display.say(text))
        if self._message.stop_reason is not None and Deadline.CLOSING not in self._deadlines:
            self._set(Deadline.CLOSING)

    # ---- an attempt ends

    def _take_end(self) -> None:
        if self.state is State.READING:
            self._read_body()
            return
        self._expect(State.STREAMING)
        self._break_off(AnswerTruncated("the stream ended before the answer did"))

    def _break_off(self, error: StreamError) -> None:
        """The attempt can go no further. That is a failure, unless what came before is whole or says why."""
        if self.state is State.STREAMING and self._message.whole:
            self._complete()
        elif self.state is State.READING and self._head.status != 200:
            self._fail(self._refusal())
        else:
            self._fail(error)

    def _refusal(self) -> StreamError:
        """The error that an error status stands for, with as much of its body as came."""
        headers = self._head.headers
        error = error_of_status(self._head.status, bytes(self._body), headers.get("x-should-retry"))
        error.retry_after = retry_after(headers, self._head.wall)
        return error

    def _read_body(self) -> None:
        """A whole body that is no stream: an error, a message, or something else."""
        if self._head.status != 200:
            self._fail(self._refusal())
            return
        try:
            body = decode_object(bytes(self._body), "response body")
            if body.get("type") == "error":
                raise error_in_stream(bytes(self._body))
            self._message = message_of(body)
        except StreamError as error:
            self._fail(error)
            return
        self._show(self._display.say(self._message.text))
        self._complete()

    def _complete(self) -> None:
        """The answer is whole on the wire; take it, unless its content shows that something was lost."""
        message = self._message
        outcome = OUTCOMES.get(message.stop_reason or "")
        try:
            if message.stop_reason is None:
                raise ProtocolError("the message stopped without a stop_reason")
            if outcome is None:
                raise UnknownStopReason(f"the answer ended with the unknown stop_reason {message.stop_reason!r}")
            if not message.blocks and _count(message.usage, "output_tokens") >= LOST_OUTPUT_TOKENS:
                raise ProtocolError(f"{message.usage['output_tokens']} output tokens were billed and none arrived")
            tools = message.tool_calls() if outcome is Outcome.COMPLETE else ()
            if message.stop_reason == "tool_use" and not tools:
                raise ProtocolError("the turn ended for a tool call, and none came")
        except StreamError as error:
            self._fail(error)
            return
        self._show(self._display.finish())
        self._finish(outcome, tools=tools)

    # ---- an attempt has failed

    def _fail(self, error: StreamError) -> None:
        """Try again, or end the call with this error."""
        self._failed_streams += self.state is State.STREAMING
        wait = self._policy.retry.wait_before_retry(error, self._attempts, self._chance)
        if wait is None:
            self._give_up(error)
            return
        error.request_id = self._head.headers.get("request-id")
        self._errors.append(error)
        self._leave_attempt()
        self.state = State.BACKING_OFF
        self._deadlines[Deadline.RETRY] = self._now + wait
        self._actions.append(Deliver(Recovering(error, self._attempts + 1, wait)))

    def _give_up(self, error: StreamError) -> None:
        error.partial, error.attempts, error.earlier = self._display.text, self._attempts, tuple(self._errors)
        error.request_id = self._head.headers.get("request-id")
        self._finish(Outcome.INCOMPLETE if error.partial else Outcome.FAILED, error=error)

    def _cancel(self) -> None:
        self._finish(Outcome.CANCELLED)

    def _leave_attempt(self) -> None:
        if self.state in (State.WAITING, State.STREAMING, State.READING):
            self._actions.append(Drop(spent=self._message.stopped or self.state is State.READING))
        for deadline in _OF_ATTEMPT:
            self._deadlines.pop(deadline, None)

    def _finish(self, outcome: Outcome, *, error: StreamError | None = None, tools: tuple[ToolCall, ...] = ()) -> None:
        self._leave_attempt()
        self._show_held(self._buffer.flush())
        self._deadlines.clear()
        self.state = State.DONE
        answer = Answer(
            outcome=outcome,
            text=self._display.text,
            stop_reason=self._message.stop_reason,
            tool_calls=tools,
            usage=dict(self._message.usage),
            message_id=self._message.id,
            request_id=self._head.headers.get("request-id"),
            attempts=self._attempts,
            error=error,
        )
        self._actions.append(Finish(answer))

    # ---- the display

    def _show(self, shown: Shown) -> None:
        if shown.reset:
            self._buffer.flush()
            if self._visible:
                self._visible = False
                self._actions.append(Deliver(TextReset()))
        self._show_held(self._buffer.push(shown.text, self._now) if shown.text else "")

    def _show_held(self, text: str) -> None:
        if text:
            self._visible = True
            self._actions.append(Deliver(TextAdded(text)))

    # ---- time

    def _take_timer(self) -> None:
        due = next((d for d in Deadline if self._due_at(d) <= self._now), None)
        if due is None:
            return
        if due is Deadline.FLUSH:
            self._show_held(self._buffer.flush())
            return
        del self._deadlines[due]
        match due:
            case Deadline.RETRY:
                self._open()
            case Deadline.TOTAL if not self._message.whole:
                self._give_up(self._stalled(due))
            case _:
                self._break_off(self._stalled(due))

    def _set(self, deadline: Deadline) -> None:
        """Start (again) the time of ``deadline``; its limit has the same name."""
        self._deadlines[deadline] = self._now + float(getattr(self._limits, deadline.name.lower()))

    def _stalled(self, deadline: Deadline) -> Stalled:
        return Stalled(f"{deadline.value} (limit {getattr(self._limits, deadline.name.lower())} s)")

    def _due_at(self, deadline: Deadline) -> float:
        at = self._buffer.due if deadline is Deadline.FLUSH else self._deadlines.get(deadline)
        return float("inf") if at is None else at

    def _set_timer(self) -> None:
        if self.state is State.DONE:
            at = None
        else:
            at = min(self._deadlines.values(), default=None)
            held = self._buffer.due
            at = held if at is None or (held is not None and held < at) else at
        if at != self._wake:
            self._wake = at
            self._actions.append(WakeAt(at))

    def _expect(self, state: State) -> None:
        if self.state is not state:
            raise RuntimeError(
                f"the driver reported something of a connection while the session was {self.state.value}"
            )


def _count(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) else 0
