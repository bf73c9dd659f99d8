"""How an interrupted answer is continued: which way, with which request, and with which seam."""

from __future__ import annotations

from typing import Any

import pytest

from client_under_test.continuation import SHORTEST, Strategy, after_pauses, continued, strategy_for
from client_under_test.display import Display, Seam, Shown

PARTIAL = "The heron of the old mill looks at the brown water, as it does every day."
ROW = "Tuesday,closed,nobody comes to the mill,none\n"
ROWS = "Monday,open,many come to the mill,some\n" + ROW
LONG_ROW = "Tuesday,closed," + "nobody comes, " * 6 + "none\n"
REQUEST: dict[str, Any] = {"model": "claude-sonnet-5-5", "messages": [{"role": "user", "content": "Hi"}]}
PREFILLS = """
claude-2.1 claude-instant-1.2 claude-3-haiku-20240307 claude-3-5-sonnet-20241022 claude-3-7-sonnet-latest
claude-sonnet-4-20250514 claude-opus-4-1-20250805 claude-sonnet-4-5 claude-sonnet-4-5-20250929 claude-haiku-4-5
claude-sonnet-4-0 claude-opus-4-latest claude-sonnet-4@20250514 anthropic.claude-sonnet-4-5-20250929-v1:0
anthropic/claude-sonnet-4.5 us.anthropic.claude-3-5-haiku-20241022-v1:0
""".split()
USER_TURNS = """
claude-sonnet-4-6 claude-opus-4-7 claude-opus-4-10 claude-sonnet-5 claude-sonnet-5-5 claude-opus-6-1-20270101
claude-mythos-preview anthropic/claude-sonnet-4.6
""".split()
FOREIGN = ["gpt-5", "gemini-3-pro", "llama-4", "", "qwen3:32b"]


def chosen(model: str, partial: str = PARTIAL, **more: Any) -> Strategy:
    options = {name: more.pop(name) for name in ("table", "forced", "refused") if name in more}
    return strategy_for({**REQUEST, "model": model, **more}, partial, **options)


@pytest.mark.parametrize("model", PREFILLS)
def test_claude_up_to_4_5_is_given_the_beginning_of_its_turn(model: str) -> None:
    assert chosen(model) is Strategy.PREFILL


@pytest.mark.parametrize("model", USER_TURNS)
def test_later_claudes_are_asked_by_a_message_of_the_users(model: str) -> None:
    assert chosen(model) is Strategy.USER_TURN


@pytest.mark.parametrize("model", FOREIGN)
def test_a_model_of_which_nothing_is_known_is_asked_anew(model: str) -> None:
    assert chosen(model) is Strategy.RESTART


@pytest.mark.parametrize("partial", ["", " \n\n   \n\n           ", "x" * (SHORTEST - 1)])
def test_a_few_characters_are_not_worth_a_seam(partial: str) -> None:
    assert chosen("claude-sonnet-5-5", partial) is Strategy.RESTART


def test_with_tools_the_answer_is_asked_for_anew_unless_the_caller_insists() -> None:
    assert chosen("claude-sonnet-5-5", tools=[{"name": "go"}]) is Strategy.RESTART
    assert chosen("claude-sonnet-5-5", tools=[{"name": "go"}], forced=Strategy.SYSTEM) is Strategy.SYSTEM


@pytest.mark.parametrize(
    ("thinking", "strategy"),
    [({"type": "enabled"}, Strategy.USER_TURN), ({"type": "disabled"}, Strategy.PREFILL), ("odd", Strategy.PREFILL)],
)
def test_a_model_that_thinks_takes_no_prefill(thinking: Any, strategy: Strategy) -> None:
    assert chosen("claude-sonnet-4-5", thinking=thinking) is strategy


@pytest.mark.parametrize("more", [{"output_format": {"type": "json"}}, {"output_config": {"format": {"type": "json"}}}])
def test_an_answer_with_a_format_is_one_document_and_asked_for_anew(more: dict[str, Any]) -> None:
    assert chosen("claude-sonnet-5-5", **more) is Strategy.RESTART
    assert chosen("claude-sonnet-5-5", output_config={"effort": "low"}) is Strategy.USER_TURN


def test_a_table_of_the_callers_decides() -> None:
    table = ((r"^local-", Strategy.PREFILL),)
    assert chosen("local-llama", table=table) is Strategy.PREFILL
    assert chosen("claude-sonnet-5-5", table=table) is Strategy.RESTART


def test_what_the_server_refused_is_not_tried_again() -> None:
    assert chosen("claude-sonnet-4-5", refused=[Strategy.PREFILL]) is Strategy.USER_TURN
    assert chosen("claude-sonnet-4-5", refused=[Strategy.PREFILL, Strategy.USER_TURN]) is Strategy.RESTART
    assert chosen("x", forced=Strategy.SYSTEM, refused=[Strategy.SYSTEM]) is Strategy.RESTART


def test_a_prefill_ends_without_white_space() -> None:
    turns = continued(REQUEST, PARTIAL + " \n", Strategy.PREFILL)["messages"]
    assert turns == [*REQUEST["messages"], {"role": "assistant", "content": PARTIAL}]


def test_a_message_of_the_users_quotes_the_partial_and_nothing_else() -> None:
    turns = continued(REQUEST, PARTIAL + " ", Strategy.USER_TURN)["messages"]
    assert turns[:-1] == REQUEST["messages"]
    assert f"<interrupted_response>{PARTIAL}</interrupted_response>" in turns[-1]["content"]


@pytest.mark.parametrize(
    ("system", "beginning"), [(None, "Your"), ("Be kind.", "Be kind.\n\nYour"), ([{"type": "text", "text": "A"}], None)]
)
def test_a_system_prompt_keeps_what_the_caller_wrote(system: Any, beginning: str | None) -> None:
    asked = continued({**REQUEST, "system": system}, PARTIAL, Strategy.SYSTEM)
    assert asked["messages"] == REQUEST["messages"]
    if beginning is None:
        assert asked["system"][0] == system[0]
        assert PARTIAL in asked["system"][1]["text"]
    else:
        assert asked["system"].startswith(beginning)
        assert PARTIAL in asked["system"]


def test_asking_anew_changes_nothing() -> None:
    assert continued(REQUEST, PARTIAL, Strategy.RESTART) == REQUEST


def test_messages_may_be_a_tuple() -> None:
    turns = continued({"messages": ({"role": "user", "content": "Hi"},)}, PARTIAL, Strategy.PREFILL)["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant"]
    assert after_pauses({}, [({"type": "text", "text": "1"},)])["messages"][0]["role"] == "assistant"


def test_after_a_prefill_nothing_is_taken_for_a_repetition() -> None:
    seam = Seam(PARTIAL, may_repeat=False)
    assert seam.say(PARTIAL) == Shown(PARTIAL)


def test_messages_that_are_no_list_are_the_servers_to_refuse() -> None:
    odd = continued({"messages": "Hi"}, PARTIAL, Strategy.PREFILL)
    assert odd["messages"] == [{"role": "assistant", "content": PARTIAL}]


def test_paused_turns_are_sent_back_as_one_turn_in_their_order() -> None:
    one, two = {"type": "text", "text": "1"}, {"type": "text", "text": "2"}
    assert after_pauses(REQUEST, []) is REQUEST
    assert after_pauses(REQUEST, [(one,), (two,)])["messages"][-1] == {"role": "assistant", "content": [one, two]}


@pytest.mark.parametrize(
    ("asked", "going_on"),
    [
        ({}, "c1"),
        ({"container": "c0"}, "c1"),
        ({"container": {"skills": ["pptx"]}}, {"skills": ["pptx"], "id": "c1"}),
    ],
    ids=["none", "by its id", "with skills"],
)
def test_a_paused_turn_goes_on_in_the_container_in_which_its_tools_ran(asked: dict[str, Any], going_on: Any) -> None:
    ran = {"id": "c1", "expires_at": "2026-01-01T00:00:00Z"}
    assert after_pauses({**REQUEST, **asked}, [({"type": "text", "text": "1"},)], ran)["container"] == going_on
    assert after_pauses({**REQUEST, **asked}, [], ran) == {**REQUEST, **asked}


# ---- the display


def test_a_display_shows_only_what_is_missing() -> None:
    display = Display()
    display.say("Hello ")
    display.start_over()
    assert display.say("Hel") == Shown("")
    assert display.say("lo wor") == Shown("wor")
    assert display.say("ld") == Shown("ld")
    assert display.text == "Hello world"


def test_a_display_starts_over_where_the_new_answer_differs() -> None:
    display = Display()
    display.say("Hello")
    display.start_over()
    assert display.say("Help") == Shown("Help", reset=True)
    assert display.say("!") == Shown("!")
    assert (display.finish(), display.text) == (Shown(), "Help!")


def test_a_display_starts_over_when_the_new_answer_ends_earlier() -> None:
    display = Display()
    display.say("Hello world")
    display.start_over()
    display.say("Hello")
    assert (display.finish(), display.text) == (Shown("Hello", reset=True), "Hello")


def test_what_turns_before_said_comes_back_after_a_reset() -> None:
    display = Display()
    display.say("Before. ")
    display.settle()
    display.start_over()
    display.say("After")
    display.start_over()
    assert display.say("Else") == Shown("Before. Else", reset=True)
    assert display.unsettled == "Else"


def joined(before: str, *pieces: str) -> str:
    seam = Seam(before)
    return before + "".join([*(seam.say(piece).text for piece in pieces), seam.finish().text])


@pytest.mark.parametrize(
    ("before", "pieces", "whole"),
    [
        (PARTIAL, [" It waits."], PARTIAL + " It waits."),
        (PARTIAL, ["every day. It waits."], PARTIAL + "every day. It waits."),
        (PARTIAL, [PARTIAL[-SHORTEST:], " It."], PARTIAL + " It."),
        (PARTIAL, [PARTIAL[-SHORTEST + 1 :], " It."], PARTIAL + PARTIAL[-SHORTEST + 1 :] + " It."),
        (PARTIAL, [PARTIAL + " It."], PARTIAL + " It."),
        (PARTIAL, [*(PARTIAL + " It.")], PARTIAL + " It."),
        (PARTIAL, [PARTIAL[:20], " else."], PARTIAL + PARTIAL[:20] + " else."),
        (PARTIAL, [PARTIAL[-50:]], PARTIAL),
        (PARTIAL, ["", " ", "It"], PARTIAL + " It"),
        (PARTIAL + " ", [" It."], PARTIAL + " It."),
        (PARTIAL + " ", ["It."], PARTIAL + " It."),
        (PARTIAL + "\n", ["\n\nIt."], PARTIAL + "\n\nIt."),
        (PARTIAL + "\n", [" It."], PARTIAL + "\n It."),
        ("short", ["short"], "shortshort"),
        ("ha " * 20, ["ha " * 20], "ha " * 20 + "ha " * 20),
        ("a" * 100, ["a" * 100], "a" * 200),
        (ROWS, [ROW, "Wednesday"], ROWS + ROW + "Wednesday"),
        (ROWS, [ROWS, "Wednesday"], ROWS + "Wednesday"),
        (PARTIAL + "\n" + LONG_ROW, [LONG_ROW, "x"], PARTIAL + "\n" + LONG_ROW + "x"),
        (PARTIAL + "\n" + PARTIAL, [PARTIAL], PARTIAL + "\n" + PARTIAL + PARTIAL),
    ],
)
def test_a_seam_leaves_out_what_is_proven_to_be_said_twice_and_nothing_else(
    before: str, pieces: list[str], whole: str
) -> None:
    assert joined(before, *pieces) == whole


def test_what_may_be_a_repetition_is_held_back_until_that_is_decided() -> None:
    seam = Seam(PARTIAL)
    assert seam.say(PARTIAL[-60:-10]) == Shown()
    assert seam.say(PARTIAL[-10:] + " It") == Shown(" It")
    assert seam.say(" waits.") == Shown(" waits.")
