"""What is kept over several attempts: content, usage, and the way from one target to the next."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from client_under_test.assemble import Message, message_of
from client_under_test.dialects.anthropic import ANTHROPIC
from client_under_test.errors import (
    ApiError,
    ConnectionLost,
    NotAuthorized,
    Overloaded,
    RateLimited,
    RequestRefused,
    StreamError,
)
from client_under_test.policy import RetryPolicy
from client_under_test.route import Route
from client_under_test.targets import Target
from client_under_test.transcript import Transcript
from client_under_test.usage import Ledger, Spent, Tokens

THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "Eq"}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def message(*blocks: dict[str, Any], reason: str = "end_turn") -> Message:
    return message_of(ANTHROPIC.whole({"type": "message", "content": list(blocks), "stop_reason": reason, "usage": {}}))


def interrupted(*blocks: dict[str, Any]) -> Transcript:
    """A transcript whose first attempt said ``blocks`` and broke off."""
    transcript, one = Transcript(), message(*blocks)
    transcript.begin(goes_on=False)
    transcript.say(one.text)
    transcript.interrupted(one)
    return transcript


def test_the_content_of_a_continued_answer_has_one_text_at_the_seam() -> None:
    transcript = interrupted(THOUGHT, said("The heron of the mill "))
    transcript.begin(goes_on=True)
    transcript.say("waits.")
    assert transcript.content(message(said("waits."))) == (THOUGHT, said("The heron of the mill waits."))


def test_what_the_continuation_repeated_is_not_in_the_content() -> None:
    before = "The heron of the old mill looks at the brown water of the river"
    transcript = interrupted(said(before))
    transcript.begin(goes_on=True)
    transcript.say(before[4:] + " and waits.")
    rest = message(said(before[4:30]), said(before[30:] + " and waits."), THOUGHT)
    assert transcript.content(rest) == (said(before + " and waits."), THOUGHT)


def test_a_continuation_that_begins_with_a_thought_stands_beside_the_text() -> None:
    transcript = interrupted(said("The heron of the old mill"))
    transcript.begin(goes_on=True)
    transcript.say(" waits.")
    whole = (said("The heron of the old mill"), THOUGHT, said(" waits."))
    assert transcript.content(message(THOUGHT, said(" waits."))) == whole


def test_an_attempt_that_broke_off_earlier_than_the_one_before_does_not_shorten_the_content() -> None:
    transcript = interrupted(THOUGHT, said("The heron waits."))
    transcript.begin(goes_on=False)
    transcript.say("The her")
    transcript.interrupted(message(said("The her")))
    assert transcript.content(message(said("The her"))) == (THOUGHT, said("The heron waits."))


def test_content_that_does_not_say_what_is_on_display_gives_way_to_the_text_alone() -> None:
    transcript = Transcript()
    transcript.begin(goes_on=False)
    transcript.say("The heron")
    assert transcript.content(message(said("The heron waits"))) == (said("The heron"),)
    assert Transcript().content(message(said("x"))) == ()


def test_blank_text_between_other_blocks_is_left_out_and_takes_nothing_with_it() -> None:
    call = {"type": "tool_use", "id": "t", "name": "go", "input": {}}
    for text in ("\n\n", ""):
        transcript, one = Transcript(), message(THOUGHT, said(text), call)
        transcript.begin(goes_on=False)
        transcript.say(one.text)
        assert transcript.content(one) == (THOUGHT, call)
        transcript.pause(one)
        assert transcript.paused == [(THOUGHT, call)]


def test_citations_of_both_sides_of_a_seam_are_kept() -> None:
    transcript = interrupted({**said("The heron of the old mill "), "citations": [1]})
    transcript.begin(goes_on=True)
    transcript.say("waits.")
    (block,) = transcript.content(message({**said("waits."), "citations": [2]}))
    assert block["citations"] == [1, 2]


def test_content_of_turns_that_paused_comes_first() -> None:
    transcript = interrupted(said("One. "))
    transcript.pause(message(said("One. "), THOUGHT))
    transcript.begin(goes_on=False)
    transcript.say("Two.")
    assert transcript.content(message(said("Two."))) == (said("One. "), THOUGHT, said("Two."))


# ---- usage


def spent(*, used: bool = True, counted: bool = True, **usage: Any) -> Spent:
    return Spent(usage=usage, counted=counted, used=used)


def ledger(*attempts: Spent) -> Ledger:
    found = Ledger()
    for one in attempts:
        found.add(one)
    return found


def test_a_bill_is_a_sum_and_the_cache_is_part_of_the_input() -> None:
    found = ledger(
        spent(input_tokens=5, cache_read_input_tokens=2, output_tokens=7), spent(input_tokens=5, output_tokens=1)
    )
    assert found.billed == Tokens(input=12, output=8)
    assert found.wasted == Tokens()


def test_a_bill_with_an_uncounted_part_is_a_lower_bound() -> None:
    assert ledger(spent(input_tokens=5, counted=False)).billed == Tokens(input=5, output=None, exact=False)


@pytest.mark.parametrize("odd", [None, "5", True, 1.5])
def test_what_is_no_count_is_not_counted(odd: Any) -> None:
    assert ledger(spent(input_tokens=odd)).billed == Tokens()


def test_what_is_said_anew_is_wasted_and_what_is_settled_is_not() -> None:
    found = ledger(spent(output_tokens=1))
    found.settle()
    found.add(spent(output_tokens=2))
    found.start_over()
    found.add(spent(output_tokens=4))
    assert (found.wasted.output, found.billed.output) == (2, 7)


# ---- the way from target to target

TARGETS = (Target(model="a", api_key="k", base_url="u"), Target(model="b"), Target(api_key="z", base_url="v"))
RETRY = RetryPolicy(max_attempts=9, base=1, jitter=0, attempts_per_target=2)


def route(retry: RetryPolicy = RETRY, targets: tuple[Target, ...] = TARGETS) -> Route:
    return Route(targets, retry, Random(1))


def test_what_a_target_does_not_say_is_as_for_the_first() -> None:
    found = route()
    seen = []
    for _ in range(3):
        seen.append(found.target)
        found.after(NotAuthorized("no", status=401), streamed=False)
    assert seen == [
        TARGETS[0],
        Target(model="b", api_key="k", base_url="u"),
        Target(model="a", api_key="z", base_url="v"),
    ]


def test_a_target_is_left_after_so_many_failures_and_the_last_one_never() -> None:
    found = route()
    places = []
    for _ in range(7):
        found.after(Overloaded("no", status=529), streamed=False)
        places.append(found.place)
    assert places == [0, 1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize(
    "error",
    [
        NotAuthorized("no", status=401),
        RequestRefused("no", status=404),
        ApiError("no", status=200, kind="billing_error"),
        RateLimited("no", status=429, retry_after=7200.0),
    ],
)
def test_a_target_that_is_itself_the_trouble_is_left_at_once(error: StreamError) -> None:
    error.retryable = error.retryable and isinstance(error, RateLimited)
    found = route()
    assert (found.after(error, streamed=False), found.place) == (0.0, 1)


@pytest.mark.parametrize("error", [RequestRefused("no", status=400), StreamError("odd")])
def test_an_error_that_would_come_again_anywhere_ends_the_call(error: StreamError) -> None:
    error.retryable = False
    found = route()
    assert (found.after(error, streamed=False), found.place) == (None, 0)


def test_a_budget_that_is_used_up_moves_nowhere() -> None:
    found = route(RetryPolicy(max_attempts=1, attempts_per_target=1))
    assert (found.after(ConnectionLost("x"), streamed=True), found.place) == (None, 0)
    assert route(RetryPolicy(max_attempts=1)).after(ConnectionLost("x"), streamed=True, changes=True) is None


def test_a_request_that_changes_is_made_without_a_wait() -> None:
    assert route().after(RequestRefused("no", status=400), streamed=False, changes=True) == 0.0


def test_failed_streams_are_counted_for_each_target() -> None:
    found = route(RetryPolicy(max_attempts=9, attempts_per_target=3))
    streams = []
    for _ in range(4):
        streams.append(found.streams(100))
        found.after(ConnectionLost("x"), streamed=True)
    assert streams == [True, True, False, True]
