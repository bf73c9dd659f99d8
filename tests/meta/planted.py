"""Broken clients, each with one bug that real clients have had. The harness must catch every one of them.

Each is the bundled client with one thing done wrong, so that whatever is reported is the bug's doing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Any, ClassVar

from client_under_test.answer import ToolCall
from client_under_test.assemble import Message
from client_under_test.attempt import Attempt
from client_under_test.continuation import Strategy
from client_under_test.deadlines import Deadline
from client_under_test.dialects.events import BlockDelta, BlockStart, BlockStop, Event
from client_under_test.display import Display, Shown
from client_under_test.driver_async import AnswerStream, StreamClient
from client_under_test.errors import ApiError, ConnectionFailed, StreamError
from client_under_test.events import Done, Reset, Text
from client_under_test.policy import Policy, RetryPolicy
from client_under_test.session import Session, State
from client_under_test.signals import Action, Deliver, Drop, HeadReceived, Input, Open, TransportFailed
from client_under_test.sinks import Sink
from client_under_test.sinks.courier import NotNow
from client_under_test.sinks.slack import SlackEphemeral, SlackMessage, SlackStream
from client_under_test.sinks.webhook import Webhook
from client_under_test.sse import SseDecoder, SseEvent
from client_under_test.transcript import Transcript
from client_under_test.usage import Spent
from harness.adapters.bundled import BundledAdapter, arguments, sink_of


@dataclass(frozen=True)
class Planted:
    """A bug, the scenario that must catch it, and the law that must name it."""

    name: str
    client: type[StreamClient]
    scenario: str
    law: str
    sink: Callable[..., Sink] | None = None
    """Takes the place of the sink's class."""
    is_drawn: bool = True
    """Whether the fuzzer draws anything that shows it: not the words of an error, for example."""

    @property
    def adapter(self) -> BundledAdapter:
        return BundledAdapter(
            lambda job: self.client(**arguments(job)),
            name=f"planted-{self.name}",
            sink=lambda job, http: sink_of(job, http, self.sink),
        )

    @property
    def is_driven(self) -> bool:
        """Whether the bug is in the driver, so that the state machine alone does not have it."""
        return not vars(self.client).keys().isdisjoint(("stream", "connect"))


def with_session(broken: type[Session]) -> type[StreamClient]:
    class Broken(StreamClient):
        def session(self, request: Mapping[str, Any]) -> Session:
            return broken(request, self.policy, self._chance, self._targets)

    return Broken


def with_attempt(broken: type[Attempt]) -> type[StreamClient]:
    """A client each of whose attempts is broken."""

    class Broken(Session):
        def _begin(self, strategy: Strategy) -> Attempt:
            return broken(strategy, self._limits)

    return with_session(Broken)


def with_message(broken: type[Message]) -> type[StreamClient]:
    """A client that puts its messages together in a broken way."""

    class Broken(Attempt):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.message = broken()

    return with_attempt(Broken)


def with_transcript(broken: type[Transcript]) -> type[StreamClient]:
    class Broken(Session):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self._transcript = broken()

    return with_session(Broken)


def with_retry(broken: type[RetryPolicy] = RetryPolicy, **changes: Any) -> type[StreamClient]:
    class Broken(StreamClient):
        def session(self, request: Mapping[str, Any]) -> Session:
            names = RetryPolicy.__dataclass_fields__
            kept = {name: getattr(self.policy.retry, name) for name in names}
            changed = replace(self.policy, retry=broken(**{**kept, **changes}))
            return Session(request, changed, self._chance, self._targets)

    return Broken


class CleanEndIsComplete(Session):
    def _take_end(self) -> None:
        if self.state is State.STREAMING:
            self._attempt.message.stop_reason, self._attempt.message.stopped = "end_turn", True
            self._complete()
        else:
            super()._take_end()


class ShowsEveryAttempt(Transcript):
    class _Display(Display):
        def say(self, piece: str) -> Shown:
            self._pieces.append(piece)
            return Shown(piece)

        def finish(self) -> Shown:
            return Shown()

    def __init__(self) -> None:
        super().__init__()
        self.display = self._Display()


class ForgetsToClear(Session):
    """Says another answer, and does not say that it is another one."""

    def _show(self, shown: Shown) -> None:
        super()._show(replace(shown, reset=False))


class ReplaysTheFallback(Session):
    """Shows all of an answer that came without a stream, whatever part of it is on display."""

    def _read_body(self) -> None:
        shown = self._transcript.text
        super()._read_body()
        if self._attempt.message.text and self._transcript.text.startswith(shown):
            self._actions.insert(0, Deliver(Text(shown)))


class KeepsItsDecoder(Session):
    """Reads the next response behind what was left of the one before."""

    _kept: SseDecoder | None = None

    def _begin(self, strategy: Strategy) -> Attempt:
        attempt = super()._begin(strategy)
        self._kept = attempt._decoder = self._kept or attempt._decoder
        return attempt


class DropsAnUnfinishedEnd(Session):
    """Believes no end but ``message_stop``, and drops that one where its blank line is missing."""

    def _take_end(self) -> None:
        if self.state is State.STREAMING and not self._attempt.message.stopped:
            self._attempt.message.stop_reason = None
        super()._take_end()


class HasNoDeadlines(Session):
    def _start(self, *deadlines: Deadline) -> None:
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


class TrustsHints(Attempt):
    def refusal(self) -> StreamError:
        error = super().refusal()
        assert self._head is not None
        with suppress(KeyError, ValueError):
            if isinstance(error, ApiError):
                error.retry_after = float(self._head.headers["retry-after"])
        return error


class WaitsAreAlike(RetryPolicy):
    def wait_before_retry(self, error: StreamError, attempts: int, chance: Random) -> float | None:
        return None if attempts >= self.max_attempts else 0.4


class ComesBackAtOnce(RetryPolicy):
    def wait_before_retry(self, error: StreamError, attempts: int, chance: Random) -> float | None:
        return None if attempts >= self.max_attempts else 0.0


class DecodesEachRead(Attempt):
    def take_bytes(self, data: bytes) -> Iterator[tuple[Event, str]]:
        text = "".join(data[i : i + 7].decode("utf-8", "replace") for i in range(0, len(data), 7))
        return super().take_bytes(text.encode())


class SplitsLinesLikeStr(SseDecoder):
    def feed(self, data: bytes) -> list[SseEvent]:
        return super().feed("\n".join(data.decode("utf-8", "ignore").splitlines()).encode() + b"\n")


def with_decoder(broken: type[SseDecoder]) -> type[StreamClient]:
    class Broken(Attempt):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self._decoder = broken()

    return with_attempt(Broken)


class TakesCommentsForData(SseDecoder):
    """Reads whatever follows a colon, as continuedev/continue#13144 tells."""

    def _line_by_line(self, lines: list[bytes], events: list[SseEvent], *, is_small: bool) -> None:
        taken = [b"data" + line if line.startswith(b":") else line for line in lines]
        super()._line_by_line(taken, events, is_small=is_small)


class LooksForCrlfInEachRead(SseDecoder):
    """Normalises line ends before it looks for lines, as rexxars/eventsource-parser#17 tells: a CR whose LF comes with
    the next read stays in its line."""

    def feed(self, data: bytes) -> list[SseEvent]:
        return super().feed(data.replace(b"\r\n", b"\n").replace(b"\r", b" "))


class SkipsBadEvents(Attempt):
    def take_bytes(self, data: bytes) -> Iterator[tuple[Event, str]]:
        for piece in data.split(b"\n\n"):
            try:
                json.loads(piece.partition(b"data: ")[2] or b"{}")
            except ValueError:
                data = data.replace(piece + b"\n\n", b"")
        return super().take_bytes(data)


class RepairsTools(Message):
    def tool_calls(self) -> tuple[ToolCall, ...]:
        blocks = [block for block in self.blocks if block.kind == "tool_use"]
        return tuple(ToolCall(id="t", name=block.name, input={"path": "?"}) for block in blocks)


class LimitIsTheEnd(Session):
    def _complete(self) -> None:
        if self._attempt.message.stop_reason == "max_tokens":
            self._attempt.message.stop_reason = "end_turn"
        super()._complete()


class LosesThePartial(Session):
    def _give_up(self, error: StreamError) -> None:
        self._transcript = Transcript()
        self._actions.append(Deliver(Reset()))
        super()._give_up(error)


class PingIsProgress(Session):
    def _take_bytes(self, data: bytes) -> None:
        if Deadline.PROGRESS in self._deadlines:
            self._start(Deadline.PROGRESS)
        super()._take_bytes(data)


class IsImpatient(Session):
    def _start(self, *deadlines: Deadline) -> None:
        super()._start(*deadlines)
        for deadline in (Deadline.FIRST_BYTE, Deadline.FIRST_EVENT, Deadline.IDLE):
            if deadline in deadlines:
                self._deadlines.set(deadline, self._now + 0.2)


class InsistsOnMessageStop(Session):
    def _break_off(self, error: StreamError) -> None:
        self._attempt.message.stop_reason = None
        super()._break_off(error)


class AddsUsage(Message):
    def _count(self, usage: Any) -> None:
        for name, value in usage.items():
            self.usage[name] = self.usage.get(name, 0) + value


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

    def _start(self, *deadlines: Deadline) -> None:
        super()._start(*(one for one in deadlines if one is not Deadline.CLOSING))


class AppendsAfterTheEnd(Session):
    def _take_bytes(self, data: bytes) -> None:
        if b"EXTRA" in data:
            self._show(self._transcript.say("EXTRA"))
        super()._take_bytes(data)


class ContinuesWithTools(Session):
    """Asks for the rest of a text although a tool call was to come, as BerriAI/litellm#31067 tells."""

    def _strategy(self) -> Strategy:
        return Strategy.USER_TURN if self._transcript.text else Strategy.RESTART


class TrimsAnyOverlap(Transcript):
    """Takes whatever the continuation begins with for a repetition when the text ended like that."""

    class _Display(Display):
        _goes_on = False

        def go_on(self, *, may_repeat: bool = True) -> None:
            super().go_on(may_repeat=may_repeat)
            self._goes_on = True

        def say(self, piece: str) -> Shown:
            sizes = range(len(piece), 0, -1) if self._goes_on else ()
            self._goes_on = False
            return super().say(piece[next((size for size in sizes if self.text.endswith(piece[:size])), 0) :])

    def __init__(self) -> None:
        super().__init__()
        self.display = self._Display()


class InventsASpace(Session):
    def _take_head(self, head: HeadReceived) -> None:
        if self._attempt.strategy is not Strategy.RESTART and not self._transcript.text.endswith(" "):
            self._show(self._transcript.say(" "))
        super()._take_head(head)


class KeepsUnsignedThinking(Message):
    def content(self) -> tuple[dict[str, Any], ...]:
        thoughts = [
            {"type": "thinking", "thinking": "?", "signature": ""} for one in self.blocks if one.kind == "thinking"
        ]
        return (*thoughts, *super().content())


class KeepsOrphans(Message):
    def content(self) -> tuple[dict[str, Any], ...]:
        calls = [block.sent_back() for block in self.blocks if block.kind == "tool_use" and block.stopped]
        return (*super().content(), *calls)


class ForgetsFailedAttempts(Attempt):
    def spent(self, *, sent: bool, used: bool) -> Spent:
        spent = super().spent(sent=sent, used=used)
        return spent if self.message.stopped else replace(spent, usage={}, counted=True)


class CutsPausedTurns(Transcript):
    def pause(self, message: Message) -> None:
        super().pause(message)
        self.paused[-1] = self.paused[-1][:2]


class StaysHome(Session):
    """Has other models and servers to ask, and does not."""

    def __init__(self, request: Mapping[str, Any], policy: Policy, chance: Random, targets: Any = ()) -> None:
        super().__init__(request, policy, chance, targets[:1])


class LeaksErrors(StreamClient):
    def stream(self, request: Mapping[str, Any]) -> AnswerStream:
        class Leaky(AnswerStream):
            async def _events(self) -> AsyncGenerator[Any, None]:
                try:
                    async for event in super()._events():
                        yield event
                except StreamError as error:
                    raise KeyError(error.message) from error

        return Leaky(self.call(request), self)


class NeverSentItSays(StreamClient):
    async def connect(self, opening: Open) -> AsyncGenerator[Input, None]:
        async for happened in super().connect(opening):
            yield TransportFailed(ConnectionFailed("x")) if isinstance(happened, TransportFailed) else happened


class LeavesConnectionsOpen(StreamClient):
    """Nothing is closed, not even at the end; what leaks is kept here, so that the tests can close it."""

    leaked: ClassVar[list[Any]] = []

    def session(self, request: Mapping[str, Any]) -> Session:
        return _NeverDrops(request, self.policy, self._chance, self._targets)

    def stream(self, request: Mapping[str, Any]) -> AnswerStream:
        class Open(AnswerStream):
            async def aclose(self) -> None:
                return None

            async def _events(self) -> AsyncGenerator[Any, None]:
                while (event := await self._drive.next_event()) is not None:
                    yield event
                    if isinstance(event, Done):
                        return

        stream = Open(self.call(request), self)
        self.leaked.append(stream)
        return stream

    async def aclose(self) -> None:
        self.leaked.append(self)


class _NeverDrops(Session):
    def handle(self, happened: Input, now: float) -> list[Action]:
        return [action for action in super().handle(happened, now) if not isinstance(action, Drop)]


class NeverStreams(StreamClient):
    def session(self, request: Mapping[str, Any]) -> Session:
        retry = replace(self.policy.retry, fallback_after=0)
        return Session(request, replace(self.policy, retry=retry), self._chance, self._targets)


class Backwards(Session):
    def _show(self, shown: Shown) -> None:
        words = shown.text.split(" ")
        mixed = " ".join([*words[4:8], *words[:4], *words[8:]]) if len(words) > 4 else shown.text
        super()._show(replace(shown, text=mixed))


class ReadsInLargePieces(Attempt):
    """Looks at bytes when there are many of them, as psf/requests#844 tells."""

    _kept = b""

    def take_bytes(self, data: bytes) -> Iterator[tuple[Event, str]]:
        self._kept += data
        if len(self._kept) < 512 and b"message_stop" not in self._kept:
            return iter(())
        data, self._kept = self._kept, b""
        return super().take_bytes(data)


class JudgesByWords(Session):
    """Tries again what sounds like it, as letta-ai/letta-code#543 tells."""

    def _fail(self, error: StreamError) -> None:
        error.retryable = any(word in error.message.lower() for word in ("overloaded", "timeout", "lost", "try again"))
        super()._fail(error)


class ComesBackWithTheHerd(RetryPolicy):
    """Comes back exactly when it is told to, as NousResearch/hermes-agent#109234 tells."""

    def wait_before_retry(self, error: StreamError, attempts: int, chance: Random) -> float | None:
        wait = super().wait_before_retry(error, attempts, chance)
        hint = error.retry_after if isinstance(error, ApiError) else None
        return wait if wait is None or hint is None else hint


class KnowsAnIndexOnce(Message):
    """Takes a block whose index it has seen for one that it has read."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[int] = set()
        self._deaf = False

    def apply(self, event: Event) -> str:
        if isinstance(event, BlockStart):
            self._deaf = event.index in self._seen
            self._seen.add(event.index)
        is_of_a_block = isinstance(event, BlockStart | BlockDelta | BlockStop)
        return "" if self._deaf and is_of_a_block else super().apply(event)


class WaitsForAnAnswer(HasNoDeadlines):
    """Waits for an event though the body has ended, as modelcontextprotocol/python-sdk#1811 tells."""

    def _take_end(self) -> None:
        if self._attempt.message.blocks or self.state is not State.STREAMING:
            super()._take_end()


class ConnectsForEver(StreamClient):
    """Gives a connection all the time that it wants, as obra/lace#370 tells."""

    def session(self, request: Mapping[str, Any]) -> Session:
        return HasNoDeadlines(request, self.policy, self._chance, self._targets)

    async def connect(self, opening: Open) -> AsyncGenerator[Input, None]:
        async for happened in super().connect(opening):
            if isinstance(happened, TransportFailed) and isinstance(happened.error, ConnectionFailed):
                await asyncio.sleep(600)
            yield happened


class ForgetsTheLastEdit(SlackMessage):
    """Edits while text comes, and is satisfied when it ends."""

    def due(self) -> float | None:
        return None if self.view.over and self._posted else super().due()


class SentIsSent(SlackMessage):
    """Gives no edit a second try, as NousResearch/hermes-agent#4650 tells."""

    def _put_off(self, later: NotNow) -> None:
        super()._put_off(later)
        self._failed = str(later) if self.view.over else None


class SaysNothingOfTheEnd(SlackMessage):
    """Shows the partial and not that it is one."""

    def due(self) -> float | None:
        self.view.error = None
        return super().due()


class IgnoresPenalties(SlackMessage):
    """Tries every limited edit again with the next one, as agno-agi/agno#7360 tells."""

    def _put_off(self, later: NotNow) -> None:
        return None


class EditsToTheSame(SlackMessage):
    """Edits at every tick, whether there is anything new or not, as NousResearch/hermes-agent#58912 tells."""

    def due(self) -> float | None:
        return super().due() if self.view.over or not self._posted else 0.0

    async def bring(self) -> None:
        if super().due() == 0.0:
            await super().bring()
        else:
            await self._update(self._posted[-1].ts, self._posted[-1].shown.written)


class AppendsAgain(SlackStream):
    """Takes a piece of which nobody knows whether it arrived for one that did not."""

    async def bring(self) -> None:
        try:
            await super().bring()
        except NotNow:
            self._streams = True
            raise


class KeepsNoUse(SlackEphemeral):
    """Uses a response_url as long as it can be used."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **{**more, "plan": [0.3 * n for n in range(20)], "uses": 99})


class NamesEveryTryAnew(Webhook):
    async def _post(self, envelope: Any) -> None:
        await super()._post(replace(envelope, id=f"{envelope.id}_{self._tried}"))


class TellsWhatIsDueAnew(Webhook):
    """Puts what came meanwhile into a request that is sent again under its old id."""

    async def _post(self, envelope: Any) -> None:
        more = f'"again": {self._tried}, "text": "{"?" * self._tried}'.encode()
        body = envelope.body.replace(b'"text": "', more, 1) if self._tried > 1 else envelope.body
        await super()._post(replace(envelope, body=body))


class CallsAPartialComplete(Webhook):
    async def _post(self, envelope: Any) -> None:
        await super()._post(replace(envelope, body=envelope.body.replace(b'"complete": false', b'"complete": true')))


def _planted_sinks() -> Iterator[Planted]:
    for name, scenario, law, sink in (
        ("forgets-the-last-edit", "sinks.last_edit_limited", "SP25", ForgetsTheLastEdit),
        ("takes-sent-for-delivered", "sinks.last_edit_fails", "SP25", SentIsSent),
        ("says-nothing-of-the-end", "sinks.breaks_off", "SP25", SaysNothingOfTheEnd),
        ("appends-again", "sinks_in_pieces.stream_piece_cut_after_it_took_effect", "SP25", AppendsAgain),
        ("keeps-no-use", "sinks.ephemeral_used_up", "SP25", KeepsNoUse),
        ("calls-a-partial-complete", "sinks_in_pieces.webhook_breaks_off", "SP25", CallsAPartialComplete),
        ("ignores-penalties", "sinks.edits_limited", "SP26", IgnoresPenalties),
        ("edits-to-the-same", "sinks.nothing_new_for_a_while", "SP26", EditsToTheSame),
        ("names-every-try-anew", "sinks_in_pieces.webhook_cut_after_it_took_effect", "SP27", NamesEveryTryAnew),
        ("tells-something-else-again", "sinks_in_pieces.webhook_cut_after_it_took_effect", "SP27", TellsWhatIsDueAnew),
    ):
        yield Planted(name, StreamClient, scenario, law, sink)


def _planted() -> Iterator[Planted]:
    cut, many = "cutoff.clean_end_mid_text", "http_status.status_529_for_ever"
    yield Planted("clean-end-is-complete", with_session(CleanEndIsComplete), cut, "SP02")
    yield Planted("shows-every-attempt", with_transcript(ShowsEveryAttempt), "retry.text_not_shown_twice", "SP03")
    yield Planted(
        "shows-another-answer-behind-the-first", with_transcript(ShowsEveryAttempt), "retry.another_answer", "SP04"
    )
    yield Planted("forgets-to-clear", with_session(ForgetsToClear), "alternatives.another_answer_elsewhere", "SP04")
    yield Planted("replays-the-fallback", with_session(ReplaysTheFallback), "fallback.after_two_cuts", "SP03")
    yield Planted("keeps-its-decoder", with_session(KeepsItsDecoder), "cutoff.clean_end_in_event", "SP18")
    yield Planted(
        "drops-an-unfinished-end", with_session(DropsAnUnfinishedEnd), "framing.last_event_unterminated", "SP18"
    )
    yield Planted("has-no-deadlines", with_session(HasNoDeadlines), "stall.mid_text", "SP01")
    yield Planted("retries-everything", with_session(RetriesEverything), "http_status.status_400", "SP11")
    yield Planted("ignores-retry-after", with_retry(IgnoresHints), "rate_limit.retry_after_seconds", "SP12")
    yield Planted("trusts-any-retry-after", with_attempt(TrustsHints), "rate_limit.retry_after_infinite", "SP07")
    yield Planted("sleeps-for-hours", with_retry(max_retry_after=1e9), "rate_limit.retry_after_hours", "SP01")
    yield Planted("has-no-jitter", with_retry(jitter=0.0, cap=100.0), many, "SP13")
    yield Planted("waits-are-alike", with_retry(WaitsAreAlike), many, "SP13")
    yield Planted("comes-back-at-once", with_retry(ComesBackAtOnce), many, "SP13")
    yield Planted("one-attempt-too-many", with_retry(max_attempts=7, cap=0.3), many, "SP10")
    yield Planted("gives-up-too-early", with_retry(max_attempts=1), cut, "SP07")
    yield Planted("decodes-each-read", with_attempt(DecodesEachRead), "completion.plain", "SP05")
    yield Planted("splits-lines-like-str", with_decoder(SplitsLinesLikeStr), "encoding.line_separators", "SP18")
    yield Planted("takes-comments-for-data", with_decoder(TakesCommentsForData), "framing.comments", "SP18")
    yield Planted("looks-for-crlf-in-each-read", with_decoder(LooksForCrlfInEachRead), "framing.crlf_split", "SP18")
    yield Planted("skips-bad-events", with_attempt(SkipsBadEvents), "malformed.json_mid_stream", "SP03")
    yield Planted("repairs-tools", with_message(RepairsTools), "content.tool_cut_but_called_whole", "SP06")
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
    yield Planted("adds-usage", with_message(AddsUsage), "completion.usage_cumulative", "SP20")
    yield Planted("says-it-never-sent", NeverSentItSays, "http_status.no_answer_for_ever", "SP21")
    yield Planted(
        "waits-for-the-end-of-the-body", with_session(WaitsForTheEndOfTheBody), "completion.held_open", "SP01"
    )
    yield Planted("appends-after-the-end", with_session(AppendsAfterTheEnd), "order.text_after_the_end", "SP03")
    yield Planted("mixes-words-up", with_session(Backwards), "completion.plain", "SP04")
    yield Planted("continues-with-tools", with_session(ContinuesWithTools), "resume.tool_call_after_text", "SP06")
    yield Planted("trims-any-overlap", with_transcript(TrimsAnyOverlap), "seam.between_two_spaces", "SP03")
    yield Planted("invents-a-space", with_session(InventsASpace), "seam.inside_a_word", "SP03")
    yield Planted("shows-repetitions", with_transcript(ShowsEveryAttempt), "seam.repeats_40_characters", "SP03")
    yield Planted("keeps-unsigned-thinking", with_message(KeepsUnsignedThinking), "resume.unsigned_thinking", "SP24")
    yield Planted("keeps-orphaned-tool-calls", with_message(KeepsOrphans), "resume.orphan_tool_call", "SP24")
    yield Planted("forgets-failed-attempts", with_attempt(ForgetsFailedAttempts), "resume.cut_twice", "SP23")
    yield Planted("cuts-paused-turns", with_transcript(CutsPausedTurns), "completion.pause_turn", "SP07")
    yield Planted("never-asks-elsewhere", with_session(StaysHome), "alternatives.wrong_key", "SP07")


def _planted_for_one() -> Iterator[Planted]:
    """Bugs that nothing shows but the scenario that is made for them."""
    for name, client, scenario, law in (
        ("reads-in-large-pieces", with_attempt(ReadsInLargePieces), "stall.small_events", "SP29"),
        ("judges-by-words", with_session(JudgesByWords), "http_status.bad_request_that_says_try_again", "SP11"),
        ("gives-up-by-words", with_session(JudgesByWords), "http_status.overload_that_says_invalid", "SP07"),
        ("comes-back-with-the-herd", with_retry(ComesBackWithTheHerd), "rate_limit.herd", "SP30"),
        ("knows-an-index-once", with_message(KnowsAnIndexOnce), "order.index_used_twice", "SP03"),
        ("waits-for-an-answer", with_session(WaitsForAnAnswer), "http_status.empty_with_200", "SP01"),
        ("leaves-refusals-open", LeavesConnectionsOpen, "http_status.refusal_without_end", "SP14"),
        ("connects-for-ever", ConnectsForEver, "unreachable_network.no_answer_to_connecting", "SP01"),
    ):
        yield Planted(name, client, scenario, law, is_drawn=False)


PLANTED = (*_planted(), *_planted_for_one(), *_planted_sinks())


class Driven:
    """An adapter whose client runs as it is, driver and all, also where its state machine alone would do."""

    def __init__(self, adapter: BundledAdapter) -> None:
        self.name, self.version, self.policy = adapter.name, adapter.version, adapter.policy
        self.capabilities, self.in_memory, self.run = adapter.capabilities, True, adapter.run


def __getattr__(name: str) -> BundledAdapter | Driven:
    """The client with the bug of that name: so ``--client meta.planted:has-no-jitter`` names it."""
    bug = next((one for one in PLANTED if one.name == name), None)
    if bug is None:
        raise AttributeError(name)
    return Driven(bug.adapter) if bug.is_driven else bug.adapter
