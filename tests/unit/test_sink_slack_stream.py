"""Slack's own streaming shows the answer once and whole, and messages that are edited take over where it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from sinking import CLOCK, DirectSlack, Step, at_once, done, into, pace, spoken

from client_under_test.answer import Outcome
from client_under_test.errors import ConnectionLost
from client_under_test.events import Next, Notice, Reset, Text
from client_under_test.sinks import SinkFailed, SinksFailed
from client_under_test.sinks.slack import SlackStream
from fake_server.receivers.plan import Cut, Fails, Fault, Hangs, Limited, Plan, Says
from fake_server.receivers.slack import FakeSlack, Limits

START, APPEND, STOP, UPDATE, POST = (
    "chat.startStream",
    "chat.appendStream",
    "chat.stopStream",
    "chat.update",
    "chat.postMessage",
)
LONG = "".join(f"This is sentence number {number} of a long answer. " for number in range(500))
PIECES = spoken("One two ", "three four ", "five six ", "seven", gap=2.0)
WHOLE = "One two three four five six seven"


class Streamed:
    """An answer was streamed into a fake workspace."""

    def __init__(self, steps: list[Step], plan: Plan | None = None, limits: Limits | None = None, **more: Any) -> None:
        self.fake = FakeSlack(plan, limits, CLOCK)
        self.error: Exception | None = None
        at_once(self._show(steps, more))

    async def _show(self, steps: list[Step], more: dict[str, Any]) -> None:
        client = more.pop("client", DirectSlack)(self.fake, 0.05)
        given = {"channel": "C1", "thread_ts": "1.5", "recipient_user_id": "U1", "pace": pace(), **more}
        self.sink = SlackStream(client, **given)
        try:
            await into(self.sink, steps)
        except SinksFailed as failed:
            (self.error,) = failed.exceptions
        except Exception as error:
            self.error = error

    @property
    def seen(self) -> list[str]:
        return self.fake.visible()

    @property
    def methods(self) -> list[str]:
        return [one.method for one in self.fake.calls]


def test_the_answer_is_appended_piece_by_piece_and_stopped_with_its_end() -> None:
    shown = Streamed(PIECES)
    assert shown.seen == [WHOLE]
    assert shown.methods == [START, *[APPEND] * 4, STOP]
    assert shown.error is None


def test_the_stream_is_there_before_the_first_word() -> None:
    shown = Streamed([5.0, *spoken("Hello.")])
    assert shown.methods == [START, STOP]
    assert shown.fake.calls[0].at < 1


def test_no_piece_begins_with_a_blank_because_slack_may_drop_it() -> None:
    shown = Streamed(spoken("One", " two\n", "\nthree", " four", gap=2.0))
    assert shown.seen == ["One two\n\nthree four"]


def test_a_reply_goes_to_its_thread() -> None:
    assert Streamed(PIECES).fake.visible(thread_ts="1.5") == [WHOLE]


def test_pauses_are_not_explained_while_it_streams() -> None:
    shown = Streamed([Text("One two"), Notice(next=Next.RETRY, attempt=2, wait=0), 9.0, done("One two")])
    assert shown.seen == ["One two"]


def test_a_broken_answer_is_kept_and_marked_outside_of_its_code() -> None:
    shown = Streamed([Text("See:\n```py\na = 1\nb"), 3.0, ConnectionLost("gone", partial="See:\n```py\na = 1\nb")])
    assert shown.seen == ["See:\n```py\na = 1\nb\n```\n\n⚠️ _Incomplete: gone_"]
    assert Streamed([Text("a\n```\nb\n"), ConnectionLost("gone")]).seen == ["a\n```\nb\n```\n\n⚠️ _Incomplete: gone_"]


def test_an_answer_without_text_says_so() -> None:
    assert Streamed([ConnectionLost("gone")]).seen == ["⚠️ _No answer: gone_"]
    assert Streamed([done("")]).seen == ["(no text)"]
    assert Streamed([done("a", outcome=Outcome.TRUNCATED)]).seen[0].startswith("a\n\n⚠️ _Cut short")


def test_a_long_answer_goes_on_in_a_new_stream_at_a_border() -> None:
    shown = Streamed(
        [one for at in range(0, len(LONG), 700) for one in (Text(LONG[at : at + 700]), 1.5)] + [done(LONG)]
    )
    assert "".join(shown.seen) == LONG
    assert len(shown.seen) == 4
    assert all(one.endswith(". ") for one in shown.seen)
    assert [one.ts for one in shown.fake.messages] == list(shown.sink.timestamps)
    assert set(shown.methods) == {START, APPEND, STOP}


def test_code_goes_on_as_code_in_the_next_stream() -> None:
    code = "```py\n" + "print('hello, dear reader')\n" * 500 + "```\nThat is all."
    shown = Streamed([Text(code), 30.0, done(code)])
    first, second = shown.seen
    assert first.endswith("\n```")
    assert second.startswith("```\nprint")
    assert first.removesuffix("```") + second.removeprefix("```\n") == code


def test_an_answer_that_starts_over_is_edited_from_then_on() -> None:
    shown = Streamed([Text("Hello my dear"), 3.0, Reset(), Text("Goodbye all"), 3.0, done("Goodbye all.")])
    assert shown.seen == ["Goodbye all."]
    assert shown.methods == [START, APPEND, STOP, UPDATE, UPDATE]


def test_a_new_start_with_the_same_words_is_not_even_noticed() -> None:
    shown = Streamed([Text("Hello my dear"), 3.0, Reset(), Text("Hello my dear old"), 3.0, done("Hello my dear old")])
    assert shown.methods == [START, APPEND, APPEND, STOP]


def test_an_answer_that_starts_over_after_full_messages_is_edited_in_all_of_them() -> None:
    shown = Streamed([Text(LONG[:12_000]), 30.0, Reset(), Text("Short."), 10.0, done("Short.")])
    assert shown.seen == ["Short."]


def test_a_full_message_stays_when_only_the_one_after_it_must_be_edited() -> None:
    expired = Plan(methods={(APPEND, 2): Says(error="message_not_in_streaming_state")})
    shown = Streamed(
        [Text(LONG[:9_500]), 5.0, Text(LONG[9_500:9_700]), 3.0, Text(LONG[9_700:11_000]), 5.0, done(LONG[:11_000])],
        expired,
    )
    assert "".join(shown.seen) == LONG[:11_000]
    assert shown.fake.messages[0].edits == 0
    assert [one.ts for one in shown.fake.messages] == list(shown.sink.timestamps)


def test_a_new_start_after_the_fall_back_reaches_the_full_messages_too() -> None:
    expired = Plan(methods={(APPEND, 2): Says(error="message_not_in_streaming_state")})
    steps: list[Step] = [Text(LONG[:9_500]), 5.0, Text(LONG[9_500:9_700]), 3.0, Text(LONG[9_700:11_000]), 5.0]
    assert Streamed([*steps, Reset(), Text("Short."), 10.0, done("Short.")], expired).seen == ["Short."]


def test_a_stream_that_slack_ended_is_edited_from_then_on() -> None:
    shown = Streamed([Text("One two"), 400.0, Text(" three four"), 3.0, done("One two three four")])
    assert shown.seen == ["One two three four"]
    assert len(shown.fake.messages) == 1


def test_a_stream_that_ends_while_it_is_stopped_is_edited() -> None:
    shown = Streamed([Text("One two"), 400.0, done("One two")])
    assert shown.seen == ["One two"]
    assert shown.methods == [START, APPEND, STOP, UPDATE]


def test_an_answer_that_starts_over_after_slack_ended_the_stream_is_edited() -> None:
    shown = Streamed([Text("One two"), 400.0, Reset(), Text("Other"), 3.0, done("Other")])
    assert shown.seen == ["Other"]


def test_a_stop_that_failed_in_passing_is_tried_again_before_the_edit() -> None:
    shown = Streamed(
        [Text("One two"), 3.0, Reset(), Text("Other"), 9.0, done("Other")], Plan(methods={(STOP, 1): Cut()})
    )
    assert shown.seen == ["Other"]
    assert shown.methods.count(STOP) == 2


@pytest.mark.parametrize("fault", [Fails(), Fails(applied=True), Cut(), Cut(applied=True), Hangs(applied=True)])
@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_what_may_have_been_appended_is_never_appended_again(fault: Fault, number: int) -> None:
    shown = Streamed(PIECES, Plan(calls={number: fault}))
    assert shown.seen == [WHOLE]
    assert shown.error is None


@pytest.mark.parametrize("fault", [Fails(), Cut(), Hangs()])
def test_a_start_of_which_nothing_is_known_becomes_a_message(fault: Fault) -> None:
    shown = Streamed(PIECES, Plan(calls={1: fault}))
    assert shown.seen == [WHOLE]
    assert POST in shown.methods


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_penalty_is_waited_for_and_the_stream_goes_on(number: int) -> None:
    shown = Streamed(PIECES, Plan(calls={number: Limited(retry_after=20)}))
    assert shown.seen == [WHOLE]
    assert set(shown.methods) <= {START, APPEND, STOP}
    assert not any(one.in_penalty for one in shown.fake.calls)


def test_where_streams_are_refused_a_message_is_posted() -> None:
    shown = Streamed(PIECES, recipient_user_id=None)
    assert shown.seen == [WHOLE]
    assert shown.methods[:2] == [START, POST]


def test_a_slack_sdk_without_streams_posts_a_message() -> None:
    class Old(DirectSlack):
        def __getattribute__(self, name: str) -> Any:
            if name == "chat_startStream":
                raise AttributeError(name)
            return super().__getattribute__(name)

    shown = Streamed(PIECES, client=Old)
    assert shown.seen == [WHOLE]
    assert shown.methods[0] == POST


def test_a_streamed_message_that_vanished_is_posted_anew() -> None:
    shown = Streamed(
        PIECES, Plan(calls={3: Says(error="message_not_found")}, methods={(UPDATE, 1): Says(error="message_not_found")})
    )
    assert shown.fake.messages[-1].seen == WHOLE


def test_a_limit_that_is_lower_than_known_ends_the_stream_and_splits_the_text() -> None:
    shown = Streamed([Text(LONG[:6_000]), 5.0, done(LONG[:6_000])], limits=Limits(stream_bytes=3_000))
    assert "".join(shown.seen) == LONG[:6_000]


def test_a_reader_who_stops_the_stream_is_obeyed_and_reported() -> None:
    shown = Streamed(PIECES, Plan(calls={3: Says(error="stopped_by_user")}))
    assert isinstance(shown.error, SinkFailed)
    assert shown.error.reason == "Slack refuses: stopped_by_user"
    assert shown.error.delivered == "One "
    assert shown.error.missing == WHOLE.removeprefix("One ")
    assert shown.sink.timestamps == (shown.fake.messages[0].ts,)
