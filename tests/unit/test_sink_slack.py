"""A Slack message shows the answer at its end, whatever happened on the way, and within the limits of Slack."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from sinking import CLOCK, DirectSlack, Step, at_once, done, into, pace, played, spoken
from slack_sdk.errors import SlackApiError, SlackRequestError

from client_under_test.errors import ConnectionLost, Overloaded
from client_under_test.events import Next, Notice, Reset, Text
from client_under_test.sinks import SinkFailed, SinksFailed, deliver
from client_under_test.sinks.courier import NotNow, Refused
from client_under_test.sinks.slack import MARKDOWN, SlackMessage
from client_under_test.sinks.slack.api import Gone, NotStreaming, TooLong, call
from fake_server.receivers.plan import Cut, Fails, Fault, Hangs, Limited, Plan, Says
from fake_server.receivers.slack import FakeSlack, Limits

POST, UPDATE, DELETE = "chat.postMessage", "chat.update", "chat.delete"
LONG = "".join(f"This is sentence number {number} of a long answer. " for number in range(200))


class Shown:
    """An answer was shown in a fake workspace."""

    def __init__(
        self,
        steps: list[Step],
        plan: Plan | None = None,
        limits: Limits | None = None,
        latency: float = 0.05,
        before: list[str] | None = None,
        **more: Any,
    ) -> None:
        self.fake = FakeSlack(plan, limits, CLOCK)
        self.error: Exception | None = None
        at_once(self._show(steps, latency, more))

    async def _show(self, steps: list[Step], latency: float, more: dict[str, Any]) -> None:
        self.sink = SlackMessage(DirectSlack(self.fake, latency), **{"channel": "C1", "pace": pace(), **more})
        try:
            await into(self.sink, steps)
        except SinksFailed as failed:
            (self.error,) = failed.exceptions
        except Exception as error:
            self.error = error
        self.took = CLOCK.now()

    @property
    def seen(self) -> list[str]:
        return self.fake.visible()

    @property
    def methods(self) -> list[str]:
        return [one.method for one in self.fake.calls]

    def texts(self, method: str) -> list[str]:
        return [one.payload["text"] for one in self.fake.calls if one.method == method]

    def penalised(self) -> int:
        return sum(one.in_penalty for one in self.fake.calls)

    @property
    def failure(self) -> SinkFailed:
        assert isinstance(self.error, SinkFailed)
        return self.error


def plan(fault: Fault, *calls: int) -> Plan:
    return Plan(calls=dict.fromkeys(calls, fault))


def test_the_message_ends_as_the_answer() -> None:
    shown = Shown(spoken("Hello & <you>. ", "How are ", "you?"))
    assert shown.seen == ["Hello & <you>. How are you?"]
    assert shown.error is None


def test_the_message_is_there_before_the_first_word() -> None:
    shown = Shown([5.0, *spoken("Hello.")])
    assert shown.texts(POST) == ["…"]
    assert shown.fake.calls[0].at < 1
    assert shown.seen == ["Hello."]


def test_edits_are_at_most_one_in_a_second_and_show_the_newest_text() -> None:
    shown = Shown(spoken(*(f"{number} " for number in range(100)), gap=0.05))
    times = [one.at for one in shown.fake.calls]
    assert min(after - before for before, after in pairwise(times)) >= 1
    assert len(times) < 10
    assert shown.fake.identical_edits == 0


def test_a_stream_never_waits_for_slack() -> None:
    async def run() -> float:
        sink = SlackMessage(DirectSlack(FakeSlack(clock=CLOCK), latency=20.0), channel="C1", pace=pace())
        for number in range(50):
            await sink.take(Text(f"{number} "))
        return CLOCK.now()

    assert at_once(run()) == 0


def test_a_message_that_is_right_is_left_alone() -> None:
    shown = Shown([Text("Hello."), 10.0, Notice(next=Next.RETRY, attempt=2, wait=0), Text(""), 10.0, done("Hello.")])
    assert shown.methods == [POST]


def test_a_change_that_is_taken_back_before_its_turn_comes_costs_no_call() -> None:
    shown = Shown([Text("Hello."), 0.2, Notice(next=Next.RETRY, attempt=2, wait=0), 0.2, Text(""), 9.0, done("Hello.")])
    assert (shown.methods, shown.error) == ([POST], None)


def test_a_name_of_a_channel_is_good_enough_though_edits_need_its_id() -> None:
    assert Shown(spoken("a ", "b", gap=2.0), channel="#general").seen == ["a b"]


def test_a_reply_goes_to_its_thread() -> None:
    shown = Shown(spoken("Hello."), thread_ts="1.5")
    assert shown.fake.visible(thread_ts="1.5") == ["Hello."]


def test_markdown_goes_where_slack_takes_markdown() -> None:
    shown = Shown(spoken("**Hello** <!here>", gap=3.0), form=MARKDOWN)
    assert shown.seen == ["**Hello** &lt;!here>"]
    assert "text" not in shown.fake.calls[0].payload


def test_a_reader_is_told_why_nothing_comes() -> None:
    lost = Notice(next=Next.CONTINUE, attempt=2, wait=1, error=ConnectionLost("x"))
    shown = Shown([Text("Hello"), 3.0, lost, 3.0, Text(" you."), 3.0, done("Hello you.")])
    assert shown.texts(UPDATE) == ["Hello\n\n_connection lost, continuing…_", "Hello you."]


def test_an_answer_that_starts_over_replaces_what_was_shown() -> None:
    shown = Shown([Text("Hello"), 3.0, Reset(), 3.0, Text("Goodbye"), 3.0, done("Goodbye")])
    assert shown.texts(UPDATE) == ["…", "Goodbye"]
    assert shown.seen == ["Goodbye"]


def test_a_broken_answer_is_kept_and_marked() -> None:
    shown = Shown([Text("Hel"), Overloaded("busy <now>", partial="Hel")])
    assert shown.seen == ["Hel\n\n⚠️ _Incomplete: busy <now>_"]
    assert isinstance(shown.error, Overloaded)
    assert Shown([Overloaded("busy")]).seen == ["⚠️ _No answer: busy_"]


def test_a_long_answer_continues_in_further_messages_of_its_thread() -> None:
    shown = Shown(spoken(*(LONG[at : at + 500] for at in range(0, len(LONG), 500))), thread_ts="1.5")
    assert len(shown.seen) == 3
    assert "".join(shown.fake.visible(thread_ts="1.5")) == LONG
    assert max(map(len, shown.seen)) <= 4_000
    assert [one.ts for one in shown.fake.messages] == list(shown.sink.timestamps)


def test_messages_that_are_too_many_after_a_new_start_go_away() -> None:
    shown = Shown([Text(LONG), 10.0, Reset(), Text("Short."), 10.0, done("Short.")])
    assert shown.seen == ["Short."]
    assert shown.methods.count(DELETE) == 2


def test_messages_that_cannot_be_deleted_are_emptied() -> None:
    refused = Plan(always={DELETE: Says(error="cant_delete_message")})
    shown = Shown([Text(LONG), 10.0, Reset(), Text("Short."), 10.0, done("Short.")], refused)
    assert shown.seen == ["Short.", "_(withdrawn)_", "_(withdrawn)_"]


def test_a_message_that_can_neither_be_deleted_nor_emptied_is_reported() -> None:
    refused = Plan(
        always={DELETE: Says(error="cant_delete_message")}, methods={(UPDATE, 1): Says(error="cant_update_message")}
    )
    steps = [Text(LONG), 10.0, Reset(), Text("Short."), 10.0, done("Short.")]
    assert "cant_update_message" in str(Shown(steps, refused).error)


def test_a_surplus_message_that_is_gone_by_itself_is_forgotten() -> None:
    gone = Plan(methods={(DELETE, 1): Says(error="message_not_found")})
    shown = Shown([Text(LONG), 10.0, Reset(), Text("Short."), 10.0, done("Short.")], gone)
    assert shown.methods.count(DELETE) == 2
    assert shown.error is None


@pytest.mark.parametrize("number", [1, 2, 3])
def test_no_call_is_made_inside_a_penalty_and_the_last_edit_is_never_lost(number: int) -> None:
    shown = Shown(spoken("a ", "b ", "c", gap=2.0), plan(Limited(retry_after=126), number))
    assert shown.seen == ["a b c"]
    assert shown.penalised() == 0


def test_a_limit_that_slack_forgets_to_explain_is_waited_for_longer_and_longer() -> None:
    limited = plan(Limited(retry_after=0), 2, 3, 4)
    shown = Shown(spoken("a ", "b", gap=2.0), limited)
    waits = [after.at - before.at for before, after in pairwise(shown.fake.calls)]
    assert shown.seen == ["a b"]
    assert 3 <= waits[-1] <= 6


@pytest.mark.parametrize(
    "fault", [Fails(), Fails(applied=True), Cut(), Cut(applied=True), Hangs(), Hangs(applied=True)]
)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_fails_in_passing_is_brought_again_and_stands_there_once(fault: Fault, number: int) -> None:
    shown = Shown(spoken("a ", "b ", "c", gap=2.0), plan(fault, number))
    assert shown.seen == ["a b c"]
    assert shown.error is None


def test_a_post_that_may_have_arrived_is_taken_back_when_it_is_not_wanted_any_more() -> None:
    doubtful = Plan(methods={(POST, 2): Cut(applied=True)})
    shown = Shown([Text(LONG[:5_000]), 1.3, Reset(), Text("Short."), 10.0, done("Short.")], doubtful)
    assert shown.seen == ["Short."]


def test_a_post_that_may_have_arrived_is_not_forgotten_over_a_penalty() -> None:
    shown = Shown([Text("a "), 10.0, done("a b")], Plan(calls={1: Fails(applied=True), 2: Limited(retry_after=20)}))
    assert shown.seen == ["a b"]


def test_a_page_with_status_200_is_not_slack_and_is_tried_again() -> None:
    assert Shown(spoken("a"), plan(Says(error=""), 1)).seen == ["a"]


def test_a_message_that_vanished_is_posted_anew() -> None:
    shown = Shown(spoken("a ", "b", gap=2.0), plan(Says(error="message_not_found"), 2))
    assert shown.methods[:3] == [POST, UPDATE, POST]
    assert shown.fake.messages[-1].seen == "a b"
    assert shown.sink.timestamps == (shown.fake.messages[-1].ts,)


def test_messages_after_one_that_vanished_are_posted_after_it_again() -> None:
    class Vanishing(FakeSlack):
        def answer(self, method: str, payload: Any) -> Any:
            if method == UPDATE and payload["ts"] == self.messages[0].ts:
                self.messages[0].is_deleted = True
            return super().answer(method, payload)

    async def run() -> list[str]:
        fake = Vanishing(clock=CLOCK)
        sink = SlackMessage(DirectSlack(fake), channel="C1", pace=pace())
        await into(
            sink, [Text(LONG[:5_000]), 10.0, Reset(), Text(f"New. {LONG[:5_000]}"), 10.0, done(f"New. {LONG[:5_000]}")]
        )
        return fake.visible()

    assert "".join(at_once(run())) == f"New. {LONG[:5_000]}"


def test_a_message_that_vanishes_again_and_again_is_given_up() -> None:
    shown = Shown(spoken(*"abcdefghij", gap=2.0), Plan(always={UPDATE: Says(error="message_not_found")}))
    assert shown.methods.count(POST) == 6
    assert "message_not_found, for the 6th time" in str(shown.error)


def test_a_limit_that_is_lower_than_known_makes_the_messages_shorter() -> None:
    shown = Shown(
        [Text(LONG[:1_000]), 2.0, *spoken(LONG[1_000:5_000])[:-1], done(LONG[:5_000])], limits=Limits(update_text=2_000)
    )
    assert "".join(shown.seen) == LONG[:5_000]
    assert shown.error is None


def test_a_limit_that_is_absurd_is_reported() -> None:
    shown = Shown(spoken("a ", LONG, gap=2.0), limits=Limits(update_text=10))
    assert "msg_too_long, with 900 characters" in shown.failure.reason


@pytest.mark.parametrize("code", ["channel_not_found", "invalid_auth", "is_archived", "whatever_comes_next"])
def test_a_refusal_ends_the_calls_and_is_reported(code: str) -> None:
    shown = Shown(spoken("a ", "b ", gap=2.0), Plan(calls={2: Says(error=code)}))
    assert shown.methods == [POST, UPDATE]
    assert shown.failure.reason == f"Slack refuses: {code}"
    assert (shown.failure.delivered, shown.failure.missing) == ("a ", "b ")


def test_all_is_missing_when_what_is_there_is_not_the_beginning() -> None:
    steps = [Text("old"), 3.0, Reset(), Text("new"), 3.0, done("new")]
    failure = Shown(steps, Plan(always={UPDATE: Says(error="invalid_auth")})).failure
    assert (failure.delivered, failure.missing) == ("old", "new")


def test_a_penalty_longer_than_the_patience_is_not_waited_for() -> None:
    early = Shown(spoken("a ", "b", gap=2.0), plan(Limited(retry_after=500), 2), patience=60)
    late = Shown([Text("a "), 3.0, done("a b")], plan(Limited(retry_after=500), 2), patience=60)
    for shown in (early, late):
        assert shown.took < 10
        assert (shown.failure.delivered, shown.failure.missing) == ("a ", "b")
    assert early.failure.reason == "the receiver wants no calls for longer than the last state may take"
    assert late.failure.reason == "Slack limits the rate, until it was too late"


def test_a_long_penalty_is_no_failure_when_nothing_is_left_to_bring() -> None:
    async def run() -> None:
        shared = pace()
        sink = SlackMessage(DirectSlack(FakeSlack(clock=CLOCK)), channel="C1", pace=shared, patience=60)
        await sink.take(Text("a"))
        await asyncio.sleep(5)
        shared.penalty(500)
        await sink.take(done("a"))
        await sink.finish(None)

    at_once(run())


def test_sinks_of_one_workspace_share_their_limit_and_their_penalties() -> None:
    async def run() -> FakeSlack:
        fake, shared = FakeSlack(plan(Limited(retry_after=20), 3), clock=CLOCK), pace()
        sinks = [SlackMessage(DirectSlack(fake), channel=one, pace=shared) for one in ("C1", "D1")]
        steps = spoken("a ", "b ", "c", gap=2.0)
        await asyncio.gather(*(into(one, steps) for one in sinks))
        return fake

    fake = at_once(run())
    times = [one.at for one in fake.calls]
    assert min(after - before for before, after in pairwise(times)) >= 1
    assert fake.calls[3].at - fake.calls[2].at >= 20
    assert fake.visible("C1") == fake.visible("D1") == ["a b c"]


def test_a_cancelled_answer_is_marked_before_its_caller_is_gone() -> None:
    async def run() -> list[str]:
        fake = FakeSlack(clock=CLOCK)
        sink = SlackMessage(DirectSlack(fake), channel="C1", pace=pace())
        going = asyncio.create_task(into(sink, [Text("Hel"), 60.0]))
        await asyncio.sleep(3)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        return fake.visible()

    assert at_once(run()) == ["Hel\n\n⚠️ _Incomplete: the stream was left before its end_"]


def test_a_sink_that_is_cancelled_while_it_finishes_makes_no_more_calls() -> None:
    async def run() -> int:
        fake = FakeSlack(plan(Limited(retry_after=60), 1), clock=CLOCK)
        sink = SlackMessage(DirectSlack(fake), channel="C1", pace=pace())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await into(sink, spoken("a"))
        await asyncio.sleep(100)
        return len(fake.calls)

    assert at_once(run()) == 1


def test_what_nobody_foresaw_is_an_error_of_the_sink_and_not_of_the_answer() -> None:
    class Broken(DirectSlack):
        async def api_call(self, api_method: str, **more: Any) -> Any:
            raise ZeroDivisionError

    async def run() -> BaseException:
        sink = SlackMessage(Broken(FakeSlack(clock=CLOCK)), channel="C1", pace=pace())
        with pytest.raises(SinksFailed) as failed:
            await into(sink, spoken("a"))
        return failed.value.exceptions[0]

    assert isinstance(at_once(run()), ZeroDivisionError)


def test_several_sinks_are_brought_the_same() -> None:
    async def run() -> FakeSlack:
        fake = FakeSlack(clock=CLOCK)
        sinks = [SlackMessage(DirectSlack(fake), channel=one, pace=pace()) for one in ("C1", "D1")]
        await deliver(played(spoken("a ", "b")), *sinks)
        return fake

    fake = at_once(run())
    assert fake.visible("C1") == fake.visible("D1") == ["a b"]


def refusal(error: Exception) -> Exception:
    async def failing() -> Any:
        raise error

    async def run() -> Exception:
        with pytest.raises((NotNow, Gone, TooLong, NotStreaming, Refused)) as raised:
            await call(failing())
        assert raised.value.__cause__ is error
        return raised.value

    return asyncio.run(run())


def answered(status: int = 200, headers: dict[str, str] | None = None, **data: Any) -> SlackApiError:
    return SlackApiError("x", SimpleNamespace(status_code=status, headers=headers or {}, data=data))


@pytest.mark.parametrize(
    ("error", "kind", "unclear"),
    [
        (answered(429, {"Retry-After": "7"}), NotNow, False),
        (answered(error="ratelimited"), NotNow, False),
        (answered(500), NotNow, True),
        (answered(error="internal_error"), NotNow, True),
        (answered(error="message_not_found"), Gone, None),
        (answered(error="msg_blocks_too_long"), TooLong, None),
        (answered(error="message_not_in_streaming_state"), NotStreaming, None),
        (answered(error="not_in_channel"), Refused, None),
        (SlackApiError("no JSON", SimpleNamespace(status=502, headers={})), NotNow, True),
        (aiohttp.ServerDisconnectedError(), NotNow, True),
        (TimeoutError(), NotNow, True),
        (ConnectionResetError(), NotNow, True),
        (SlackRequestError("x"), NotNow, True),
        (AttributeError("'str' object has no attribute 'get'"), NotNow, True),
    ],
)
def test_every_failure_of_slack_has_a_meaning(error: Exception, kind: type[Exception], unclear: bool | None) -> None:
    meaning = refusal(error)
    assert type(meaning) is kind
    assert getattr(meaning, "unclear", None) is unclear


def test_the_seconds_that_slack_asks_for_are_kept() -> None:
    meaning = refusal(answered(429, {"Retry-After": "7"}))
    assert isinstance(meaning, NotNow)
    assert meaning.after == 7
