"""Broken clients, each with one bug that real clients have had. The harness must catch every one of them.

Each is the bundled client with one thing done wrong, so that whatever is reported is the bug's doing.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, ClassVar

from client_under_test.answer import Answer
from client_under_test.assemble import Message, ToolCall
from client_under_test.continuation import Display, Shown
from client_under_test.driver_async import StreamClient
from client_under_test.errors import ApiError, ConnectionFailed, StreamError
from client_under_test.policy import RetryPolicy
from client_under_test.session import Deadline, Session, State
from client_under_test.signals import Deliver, Drop, Input, TextReset, TransportFailed, Update
from client_under_test.sse import SseDecoder, SseEvent
from harness.adapters.bundled import BundledAdapter, settings
from harness.model import Job


@dataclass(frozen=True)
class Planted:
    """A bug, the scenario that must catch it, and the law that must name it."""

    name: str
    client: type[StreamClient]
    scenario: str
    law: str

    @property
    def adapter(self) -> BundledAdapter:
        def make(job: Job) -> StreamClient:
            chance = Random(f"{job.seed}/client")
            return self.client(api_key=job.api_key, base_url=job.base_url, policy=settings(job), chance=chance)

        return BundledAdapter(make, name=f"planted-{self.name}")


def with_session(broken: type[Session]) -> type[StreamClient]:
    class Broken(StreamClient):
        def session(self, request: Mapping[str, Any]) -> Session:
            return broken(request, self._policy, self._chance)

    return Broken


def with_retry(broken: type[RetryPolicy] = RetryPolicy, **changes: Any) -> type[StreamClient]:
    class Broken(StreamClient):
        def session(self, request: Mapping[str, Any]) -> Session:
            names = RetryPolicy.__dataclass_fields__
            kept = {name: getattr(self._policy.retry, name) for name in names}
            return Session(request, replace(self._policy, retry=broken(**{**kept, **changes})), self._chance)

    return Broken


class CleanEndIsComplete(Session):
    def _take_end(self) -> None:
        if self.state is State.STREAMING:
            self._message.stop_reason, self._message.stopped = "end_turn", True
            self._complete()
        else:
            super()._take_end()


class ShowsEveryAttempt(Session):
    class _Display(Display):
        def say(self, piece: str) -> Shown:
            self._pieces.append(piece)
            return Shown(piece)

        def finish(self) -> Shown:
            return Shown()

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._display = self._Display()


class HasNoDeadlines(Session):
    def _set(self, deadline: Deadline) -> None:
        return None


class RetriesEverything(Session):
    def _fail(self, error: StreamError) -> None:
        error.retryable = True
        super()._fail(error)


class IgnoresHints(RetryPolicy):
    def wait_before_retry(self, error: StreamError, attempts: int, chance: Random) -> float | None:
        if isinstance(error, ApiError):
            error.retry_after = None
        return super().wait_before_retry(error, attempts, chance)


class TrustsHints(Session):
    def _refusal(self) -> StreamError:
        error = super()._refusal()
        if isinstance(error, ApiError) and self._head.headers.get("retry-after"):
            error.retry_after = float(self._head.headers["retry-after"])
        return error


class WaitsAreAlike(RetryPolicy):
    def wait_before_retry(self, error: StreamError, attempts: int, chance: Random) -> float | None:
        return None if attempts >= self.max_attempts else 0.4


class ComesBackAtOnce(RetryPolicy):
    def wait_before_retry(self, error: StreamError, attempts: int, chance: Random) -> float | None:
        return None if attempts >= self.max_attempts else 0.0


class DecodesEachRead(Session):
    def _take_bytes(self, data: bytes) -> None:
        text = "".join(data[i : i + 7].decode("utf-8", "replace") for i in range(0, len(data), 7))
        super()._take_bytes(text.encode())


class SplitsLinesLikeStr(Session):
    class _Decoder(SseDecoder):
        def feed(self, data: bytes) -> list[SseEvent]:
            return super().feed("\n".join(data.decode("utf-8", "ignore").splitlines()).encode() + b"\n")

    def _begin_attempt(self) -> None:
        super()._begin_attempt()
        self._decoder = self._Decoder()


class SkipsBadEvents(Session):
    def _stream(self, data: bytes) -> None:
        for piece in data.split(b"\n\n"):
            try:
                json.loads(piece.partition(b"data: ")[2] or b"{}")
            except ValueError:
                data = data.replace(piece + b"\n\n", b"")
        super()._stream(data)


class RepairsTools(Session):
    class _Message(Message):
        def tool_calls(self) -> tuple[ToolCall, ...]:
            blocks = [block for block in self.blocks if block.kind == "tool_use"]
            return tuple(ToolCall(id="t", name=str(block.fields["name"]), input={"path": "?"}) for block in blocks)

    def _begin_attempt(self) -> None:
        super()._begin_attempt()
        self._message = self._Message()


class LimitIsTheEnd(Session):
    def _complete(self) -> None:
        if self._message.stop_reason == "max_tokens":
            self._message.stop_reason = "end_turn"
        super()._complete()


class LosesThePartial(Session):
    def _give_up(self, error: StreamError) -> None:
        self._display = Display()
        if self._visible:
            self._actions.append(Deliver(TextReset()))
        self._buffer.flush()
        super()._give_up(error)


class PingIsProgress(Session):
    def _stream(self, data: bytes) -> None:
        if Deadline.PROGRESS in self._deadlines:
            self._set(Deadline.PROGRESS)
        super()._stream(data)


class IsImpatient(Session):
    def _set(self, deadline: Deadline) -> None:
        super()._set(deadline)
        if deadline in (Deadline.IDLE, Deadline.FIRST_EVENT):
            self._deadlines[deadline] = self._now + 0.2


class InsistsOnMessageStop(Session):
    def _break_off(self, error: StreamError) -> None:
        self._message.stop_reason = None
        super()._break_off(error)


class AddsUsage(Session):
    class _Message(Message):
        def _count(self, usage: Any) -> None:
            for name, value in usage.items():
                self.usage[name] = self.usage.get(name, 0) + value

    def _begin_attempt(self) -> None:
        super()._begin_attempt()
        self._message = self._Message()


class InventsAStatus(Session):
    def _give_up(self, error: StreamError) -> None:
        if isinstance(error, ApiError):
            error.status = 599
        super()._give_up(error)


class LosesTheErrorType(Session):
    def _fail(self, error: StreamError) -> None:
        if isinstance(error, ApiError):
            error.kind = None
        super()._fail(error)


class WaitsForTheEndOfTheBody(Session):
    def _complete(self) -> None:
        if self.state is not State.STREAMING or self._ended:
            super()._complete()

    _ended = False

    def _take_end(self) -> None:
        self._ended = True
        super()._take_end()

    def _set(self, deadline: Deadline) -> None:
        if deadline is not Deadline.CLOSING:
            super()._set(deadline)


class AppendsAfterTheEnd(Session):
    def _complete(self) -> None:
        self._late = getattr(self, "_late", b"")
        super()._complete()

    def _stream(self, data: bytes) -> None:
        if b"EXTRA" in data:
            self._show(self._display.say("EXTRA"))
        super()._stream(data)


class LeaksErrors(StreamClient):
    async def stream(self, request: Mapping[str, Any]) -> AsyncGenerator[Update | Answer, None]:
        try:
            async for update in super().stream(request):
                yield update
        except StreamError as error:
            raise KeyError(error.message) from error


class NeverSentItSays(StreamClient):
    def connect(self, body: Mapping[str, Any], *, again: bool) -> AsyncGenerator[Input, None]:
        return self._claim(super().connect(body, again=again))

    async def _claim(self, inputs: AsyncGenerator[Input, None]) -> AsyncGenerator[Input, None]:
        async for happened in inputs:
            yield TransportFailed(ConnectionFailed("x")) if isinstance(happened, TransportFailed) else happened


class LeavesConnectionsOpen(StreamClient):
    """Nothing is closed, not even at the end; what leaks is kept here, so that the tests can close it."""

    leaked: ClassVar[list[Any]] = []

    def session(self, request: Mapping[str, Any]) -> Session:
        return _NeverDrops(request, self._policy, self._chance)

    async def stream(self, request: Mapping[str, Any]) -> AsyncGenerator[Update | Answer, None]:
        inner = super().stream(request)
        self.leaked.append(inner)
        async for update in inner:
            yield update
            if isinstance(update, Answer):
                return

    async def aclose(self) -> None:
        self.leaked.append(self)


class _NeverDrops(Session):
    def handle(self, happened: Input, now: float) -> list[Any]:
        return [action for action in super().handle(happened, now) if not isinstance(action, Drop)]


class NeverStreams(StreamClient):
    def session(self, request: Mapping[str, Any]) -> Session:
        retry = replace(self._policy.retry, fallback_after=0)
        return Session(request, replace(self._policy, retry=retry), self._chance)


class Backwards(Session):
    def _show_held(self, text: str) -> None:
        words = text.split(" ")
        super()._show_held(" ".join([*words[4:8], *words[:4], *words[8:]]) if len(words) > 8 else text)


def _planted() -> Iterator[Planted]:
    cut, many = "cutoff.clean_end_mid_text", "http_status.status_529_for_ever"
    yield Planted("clean-end-is-complete", with_session(CleanEndIsComplete), cut, "SP02")
    yield Planted("shows-every-attempt", with_session(ShowsEveryAttempt), "retry.text_not_shown_twice", "SP03")
    yield Planted(
        "shows-another-answer-behind-the-first", with_session(ShowsEveryAttempt), "retry.another_answer", "SP04"
    )
    yield Planted("has-no-deadlines", with_session(HasNoDeadlines), "stall.mid_text", "SP01")
    yield Planted("retries-everything", with_session(RetriesEverything), "http_status.status_400", "SP11")
    yield Planted("ignores-retry-after", with_retry(IgnoresHints), "rate_limit.retry_after_seconds", "SP12")
    yield Planted("trusts-any-retry-after", with_session(TrustsHints), "rate_limit.retry_after_infinite", "SP07")
    yield Planted("sleeps-for-hours", with_retry(max_retry_after=1e9), "rate_limit.retry_after_hours", "SP01")
    yield Planted("has-no-jitter", with_retry(jitter=0.0, cap=100.0), many, "SP13")
    yield Planted("waits-are-alike", with_retry(WaitsAreAlike), many, "SP13")
    yield Planted("comes-back-at-once", with_retry(ComesBackAtOnce), many, "SP13")
    yield Planted("one-attempt-too-many", with_retry(max_attempts=7, cap=0.3), many, "SP10")
    yield Planted("gives-up-too-early", with_retry(max_attempts=1), cut, "SP07")
    yield Planted("decodes-each-read", with_session(DecodesEachRead), "completion.plain", "SP05")
    yield Planted("splits-lines-like-str", with_session(SplitsLinesLikeStr), "encoding.line_separators", "SP18")
    yield Planted("skips-bad-events", with_session(SkipsBadEvents), "malformed.json_mid_stream", "SP03")
    yield Planted("repairs-tools", with_session(RepairsTools), "content.tool_cut_but_called_whole", "SP06")
    yield Planted("calls-a-limit-the-end", with_session(LimitIsTheEnd), "completion.max_tokens", "SP07")
    yield Planted("leaks-errors", LeaksErrors, "http_status.status_401", "SP08")
    yield Planted("loses-the-partial", with_session(LosesThePartial), "fallback.refused", "SP09")
    yield Planted("leaves-connections-open", LeavesConnectionsOpen, "completion.held_open", "SP14")
    yield Planted("takes-pings-for-progress", with_session(PingIsProgress), "stall.pings_only", "SP15")
    yield Planted("is-impatient", with_session(IsImpatient), "stall.pause_within_limits", "SP16")
    yield Planted("falls-back-too-early", with_retry(fallback_after=1), cut, "SP17")
    yield Planted("never-falls-back", with_retry(fallback_after=None), "fallback.after_two_cuts", "SP17")
    yield Planted("insists-on-message-stop", with_session(InsistsOnMessageStop), "completion.no_message_stop", "SP18")
    yield Planted("invents-a-status", with_session(InventsAStatus), "http_status.status_401", "SP19")
    yield Planted("loses-the-error-type", with_session(LosesTheErrorType), many, "SP19")
    yield Planted("adds-usage", with_session(AddsUsage), "completion.usage_cumulative", "SP20")
    yield Planted("says-it-never-sent", NeverSentItSays, "http_status.no_answer_for_ever", "SP21")
    yield Planted(
        "waits-for-the-end-of-the-body", with_session(WaitsForTheEndOfTheBody), "completion.held_open", "SP01"
    )
    yield Planted("appends-after-the-end", with_session(AppendsAfterTheEnd), "order.text_after_the_end", "SP03")
    yield Planted("mixes-words-up", with_session(Backwards), "completion.plain", "SP04")


PLANTED = tuple(_planted())
