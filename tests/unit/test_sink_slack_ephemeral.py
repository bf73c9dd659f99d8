"""A message that only one person sees is replaced a few times, and its end is kept a use for."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from sinking import CLOCK, Step, at_once, direct_http, done, into, pace, spoken

from client_under_test.errors import ConnectionLost
from client_under_test.events import Text
from client_under_test.sinks import SinkFailed, SinksFailed
from client_under_test.sinks.slack import MRKDWN, SlackEphemeral
from fake_server.receivers.plan import Cut, Fails, Fault, Hangs, Limited, Plan, Reply
from fake_server.receivers.slack import RESPONSE, FakeSlack, Limits

LONG = "".join(f"This is sentence number {number} of a long answer. " for number in range(500))
SLOW = spoken(*(f"word{number} " for number in range(60)), gap=1.0)
SLOW_TEXT = "".join(f"word{number} " for number in range(60))


def read(request: httpx.Request) -> tuple[str, dict[str, Any]]:
    return RESPONSE, {**json.loads(request.content), "url": request.url.path.rpartition("/")[2]}


class Whispered:
    """An answer was shown to one person."""

    def __init__(
        self,
        steps: list[Step],
        plan: Plan | None = None,
        limits: Limits | None = None,
        kind: type[FakeSlack] = FakeSlack,
        original: str | None = "?",
        wait: float = 0,
        **more: Any,
    ) -> None:
        self.fake = kind(plan, limits, CLOCK)
        self.error: Exception | None = None
        at_once(self._show(steps, original, wait, more))

    async def _show(self, steps: list[Step], original: str | None, wait: float, more: dict[str, Any]) -> None:
        url = self.fake.response_url(original=original)
        if wait:
            await CLOCK.sleep(wait)
        async with direct_http(self.fake, read) as http:
            sink = SlackEphemeral(url, http=http, **{"pace": pace(1.0), **more})
            try:
                await into(sink, steps)
            except SinksFailed as failed:
                (self.error,) = failed.exceptions
            except Exception as error:
                self.error = error

    @property
    def seen(self) -> list[str]:
        return self.fake.visible_to_one()

    @property
    def uses(self) -> int:
        return self.fake.ephemerals["r1"].uses

    @property
    def failure(self) -> SinkFailed:
        assert isinstance(self.error, SinkFailed)
        return self.error


def test_the_message_is_replaced_at_planned_moments_and_ends_as_the_answer() -> None:
    shown = Whispered(SLOW)
    assert shown.seen == [SLOW_TEXT]
    assert [round(one.at) for one in shown.fake.calls] == [0, 4, 15, 45, 60]


def test_the_first_use_shows_that_an_answer_is_being_waited_for() -> None:
    shown = Whispered([30.0, *spoken("Hello.")])
    assert shown.fake.calls[0].payload["text"] == "…"
    assert shown.fake.calls[0].payload["response_type"] == "ephemeral"
    assert shown.uses == 2


def test_a_url_that_can_be_used_once_is_used_for_the_end() -> None:
    shown = Whispered(SLOW, original=None, uses=1)
    assert shown.seen == [SLOW_TEXT]
    assert shown.uses == 1


def test_a_state_that_is_shown_already_costs_no_use() -> None:
    shown = Whispered([Text("Hello."), 3.0, done("Hello.")])
    assert shown.uses == 1


def test_a_broken_answer_is_marked() -> None:
    assert Whispered([Text("Hel"), 2.0, ConnectionLost("gone")]).seen == ["Hel\n\n⚠️ _Incomplete: gone_"]


def growing(text: str, gap: float = 1.0) -> list[Step]:
    steps: list[Step] = []
    for at in range(0, len(text), 200):
        steps += [Text(text[at : at + 200]), gap]
    return [*steps, done(text)]


def test_a_long_answer_continues_in_messages_of_its_own() -> None:
    shown = Whispered([Text(LONG[:7_500]), 1.0, done(LONG[:7_500])])
    assert "".join(shown.seen) == LONG[:7_500]
    assert [one.payload["replace_original"] for one in shown.fake.calls] == [True, False, False]
    assert max(map(len, shown.seen)) <= MRKDWN.limit


def test_an_answer_that_is_too_long_for_the_uses_left_gets_longer_messages() -> None:
    shown = Whispered(growing(LONG))
    assert "".join(shown.seen) == LONG
    assert shown.error is None
    assert shown.uses <= 5


def test_what_does_not_fit_into_any_message_is_cut_off_with_a_mark_and_reported() -> None:
    shown = Whispered([Text(LONG), 1.0, done(LONG)], limits=Limits(response_text=4_000))
    assert shown.seen[-1].endswith("⚠️ _The rest is missing: Slack takes no more answers to one interaction_")
    assert len(shown.seen) == 5
    assert shown.failure.delivered + shown.failure.missing == LONG
    assert shown.failure.missing


def test_a_limit_that_is_absurd_is_reported() -> None:
    assert "msg_too_long" in Whispered(spoken(LONG), limits=Limits(response_text=50)).failure.reason
    assert "msg_too_long" in Whispered(spoken("Hello. ", gap=9), limits=Limits(response_text=3)).failure.reason


def test_a_message_that_is_too_long_after_others_were_not_is_reported() -> None:
    class Tired(FakeSlack):
        def answer(self, method: str, payload: Any) -> Reply:
            if len(self.calls) == 1:
                return Reply(status=400, body={"ok": False, "error": "msg_too_long"})
            return super().answer(method, payload)

    failure = Whispered([done(LONG[:7_500])], kind=Tired).failure
    assert "msg_too_long" in failure.reason
    assert LONG.startswith(failure.delivered)
    assert failure.delivered


@pytest.mark.parametrize("fault", [Fails(), Cut(), Hangs(), Fails(applied=True)])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_use_that_failed_in_passing_does_not_cost_the_end(fault: Fault, number: int) -> None:
    shown = Whispered(SLOW, Plan(calls={number: fault}))
    if fault == Fails(applied=True) and number == 5:
        assert "used_url" in shown.failure.reason  # Slack took the last use, and says only that there is none left
    assert shown.seen == [SLOW_TEXT]


def test_a_part_of_the_end_that_failed_in_passing_is_brought_again() -> None:
    shown = Whispered([done(LONG[:7_500])], Plan(calls={2: Fails()}))
    assert "".join(shown.seen) == LONG[:7_500]


@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_penalty_is_waited_for_and_costs_no_use(number: int) -> None:
    shown = Whispered(SLOW, Plan(calls={number: Limited(retry_after=30)}))
    assert shown.seen == [SLOW_TEXT]
    assert not any(one.in_penalty for one in shown.fake.calls)
    assert shown.error is None


def test_a_penalty_leaves_the_uses_that_the_end_needs() -> None:
    shown = Whispered([done(LONG[:7_500])], Plan(calls={1: Limited(retry_after=5)}), uses=3)
    assert max(map(len, shown.seen)) <= MRKDWN.limit
    assert "".join(shown.seen) == LONG[:7_500]


def test_a_url_that_is_too_old_is_reported_with_what_is_missing() -> None:
    shown = Whispered(spoken("Hello."), wait=2_000)
    assert "expired_url" in shown.failure.reason
    assert (shown.failure.delivered, shown.failure.missing) == ("", "Hello.")


def test_what_was_shown_before_the_url_was_spent_is_reported_as_delivered() -> None:
    class Spent(FakeSlack):
        def answer(self, method: str, payload: Any) -> Reply:
            return Reply(body={"ok": False, "error": "no_text"}) if self.calls else super().answer(method, payload)

    failure = Whispered([Text("Hel"), 2.0, done("Hello.")], kind=Spent).failure
    assert (failure.delivered, failure.missing) == ("Hel", "lo.")
    assert "no_text" in failure.reason
