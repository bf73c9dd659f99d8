"""What the signals of a call add up to."""

from __future__ import annotations

from typing import Any

import pytest
from metrics_calls import CANCEL, OPEN, START, Passed, done, failed, notice, recovering, text

from client_under_test.answer import Outcome
from client_under_test.errors import ConnectionLost, Overloaded, Stalled
from client_under_test.events import Next, Reset, Sentence
from client_under_test.metrics.timeline import (
    Asked,
    Began,
    Ended,
    Moment,
    Noticed,
    Recovery,
    Result,
    Timeline,
    Wrote,
    model_of,
)
from client_under_test.signals import BodyEnded, BytesReceived, Deliver, Drop, HeadReceived, TimerFired, WakeAt

LOST, BUSY = ConnectionLost("the connection broke"), Overloaded("overloaded", status=529)


def moments(*passed: Passed) -> list[Moment]:
    timeline = Timeline()
    return [moment for now, signal in passed if (moment := timeline.take(signal, now)) is not None]


def written(*passed: Passed) -> list[Wrote]:
    return [moment for moment in moments(*passed) if isinstance(moment, Wrote)]


def end(*passed: Passed) -> Ended:
    last = moments(*passed)[-1]
    assert isinstance(last, Ended)
    return last


def test_a_plain_call_begins_asks_writes_and_ends() -> None:
    kinds = [type(moment) for moment in moments((0.0, START), (0.0, OPEN), (1.0, text()), (2.0, done()))]
    assert kinds == [Began, Asked, Wrote, Ended]


@pytest.mark.parametrize(
    "signal",
    [
        HeadReceived(200, {}),
        BytesReceived(b"x"),
        BodyEnded(),
        TimerFired(),
        CANCEL,
        Drop(),
        WakeAt(1.0),
        Deliver(Reset()),
        Deliver(Sentence("Hello.")),
    ],
)
def test_what_tells_nothing_by_itself_is_no_moment(signal: Any) -> None:
    assert moments((0.0, START), (0.0, signal)) == [Began()]


def test_the_first_token_is_timed_from_the_start_of_the_call_whatever_failed_before_it() -> None:
    assert [one.first for one in written(*recovering(LOST, BUSY))] == [3.0]


def test_only_the_first_text_of_a_call_is_its_first_token() -> None:
    assert [one.first for one in written((5.0, START), (5.0, OPEN), (6.0, text()), (6.5, text()))] == [1.0, None]


def test_texts_of_one_attempt_have_a_gap_between_them() -> None:
    assert [one.gap for one in written((0.0, START), (0.0, OPEN), (1.0, text()), (1.25, text()), (3.25, text()))] == [
        None,
        0.25,
        2.0,
    ]


def test_the_time_between_two_attempts_is_not_a_gap_between_tokens() -> None:
    passed: list[Passed] = [(0.0, START), (0.0, OPEN), (1.0, text()), (2.0, notice(LOST)), (3.0, OPEN), (4.0, text())]
    assert [one.gap for one in written(*passed)] == [None, None]


def test_a_recovery_lasts_from_the_first_failure_to_the_next_text() -> None:
    assert [one.recovery for one in written(*recovering(LOST, BUSY))] == [
        Recovery(seconds=2.0, result=Result.RECOVERED)
    ]


def test_a_recovery_that_is_over_is_told_once() -> None:
    passed: list[Passed] = [(0.0, START), (1.0, notice(LOST)), (2.0, text()), (3.0, text()), (4.0, done())]
    assert [one.recovery is None for one in written(*passed)] == [False, True]
    assert end(*passed).recovery is None


@pytest.mark.parametrize("outcome", Outcome)
def test_a_recovery_without_text_ends_with_the_call_and_as_it_ends(outcome: Outcome) -> None:
    result = {
        Outcome.FAILED: Result.FAILED,
        Outcome.INCOMPLETE: Result.FAILED,
        Outcome.CANCELLED: Result.CANCELLED,
    }.get(outcome, Result.RECOVERED)
    passed: list[Passed] = [(0.0, START), (1.0, notice(LOST)), (5.0, done(outcome))]
    assert end(*passed).recovery == Recovery(seconds=4.0, result=result)


def test_a_pause_is_no_failure() -> None:
    passed: list[Passed] = [(0.0, START), (1.0, notice(None, Next.GO_ON)), (2.0, text()), (3.0, done())]
    assert Noticed(next=Next.GO_ON, wait=0.5, error=None) in moments(*passed)
    assert [one.recovery for one in written(*passed)] == [None]
    assert end(*passed).errors == ()


def test_attempts_are_numbered_from_one() -> None:
    assert [moment.attempt for moment in moments(*recovering(LOST, BUSY)) if isinstance(moment, Asked)] == [1, 2, 3]


def test_the_end_has_every_error_oldest_first() -> None:
    last = Stalled("nothing at all came (limit 1 s)")
    over = end(*recovering(LOST, BUSY, end=failed(last)))
    assert over.errors == (LOST, BUSY, last)
    assert over.last_error is last


def test_an_error_that_a_notice_has_told_is_not_counted_again_at_the_end() -> None:
    over = end(*recovering(LOST, end=failed(LOST)))
    assert (over.errors, over.last_error) == ((LOST,), None)


def test_the_end_has_the_length_of_the_call_and_of_the_wait_for_its_first_text() -> None:
    over = end((10.0, START), (12.0, text()), (20.0, done()))
    assert (over.took, over.first) == (10.0, 2.0)
    assert end((10.0, START), (20.0, done())).first is None


@pytest.mark.parametrize("outcome", Outcome)
def test_a_call_fails_when_its_caller_wanted_an_answer_and_got_none(outcome: Outcome) -> None:
    assert end((0.0, START), (1.0, done(outcome))).failed == (outcome in (Outcome.FAILED, Outcome.INCOMPLETE))


def test_a_call_that_is_called_off_before_it_began_has_no_moments() -> None:
    assert moments((0.0, CANCEL), (0.0, done(Outcome.CANCELLED))) == []


@pytest.mark.parametrize(
    ("request_", "model"),
    [({"model": "m"}, "m"), ({}, "unknown"), ({"model": ""}, "unknown"), ({"model": 1}, "unknown")],
)
def test_a_request_without_a_model_has_an_unknown_one(request_: dict[str, Any], model: str) -> None:
    assert model_of(request_) == model


def test_the_name_of_a_model_that_anybody_may_have_chosen_is_one_that_can_be_written() -> None:
    assert model_of({"model": "m\ud800"}) == "m\ufffd"
    assert model_of({"model": "m" * 1_000}) == "m" * 100
