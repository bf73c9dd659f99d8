"""A failure is understood from its words alone, and its words are safe to print."""

from __future__ import annotations

import pytest

from fake_server.record import Requested, Sent
from harness import catalog
from harness.engine import finished
from harness.events import CaseFinished
from harness.explained import damage, explained, wire
from harness.history import Record
from harness.marked import marked
from harness.model import Cleared, ClientRecord, ErrorSeen, Finished, Outcome, Shown
from harness.verdict import Verdict

PLANNED = marked().planned(catalog.scenarios()["completion.plain"], "test_chat", "1")
TEXT = PLANNED.info().texts[0]


def record(*client: ClientRecord, writes: int = 0) -> Record:
    request = Requested(t=0.0, attempt=1, method="POST", path="/", headers={}, body={}, streams=True)
    sent = tuple(Sent(t=number, attempt=1, data=b"\x1b[2J", size=4, total=4) for number in range(1, writes + 1))
    return Record(info=PLANNED.info(), server=(request, *sent), client=client)


def judged(*client: ClientRecord) -> CaseFinished:
    return finished(record(*client), catalog.laws())


COMPLETE = Finished(outcome=Outcome.COMPLETE)
HALF = judged(Shown(text=TEXT[:100]), COMPLETE)


def test_the_harm_stands_first_and_the_commands_last() -> None:
    lines = explained(HALF, {"SP02": "No lies."}, ["again: pytest"]).splitlines()
    assert HALF.verdict is Verdict.FAIL
    assert HALF.finding is not None
    assert lines[0] == HALF.finding.harm
    assert lines[-2:] == ["again: pytest", f"the law:    streamproof explain {HALF.finding.law}"]


def test_what_was_right_what_the_test_said_and_each_law_that_was_broken_are_told() -> None:
    told = explained(HALF, {"SP02": "No lies."}, [])
    assert "right under raise: complete\nthe test says: complete\nSP02: No lies.\n" in told
    assert "SP03:  Here the text shown as the answer is" in told


def test_the_error_that_the_client_raised_is_told_with_its_place() -> None:
    error = ErrorSeen(name="chat.ChatError", message="broke\x1b off", typed=True)
    broken = judged(Finished(outcome=Outcome.FAILED, error=error))
    assert "the test says: failed, chat.ChatError: broke\\x1b off (chat.py:7)" in explained(broken, {}, [], "chat.py:7")
    assert "broke\\x1b off\n" in explained(broken, {}, [])


def test_a_call_without_an_end_is_said_to_have_none() -> None:
    assert "the test says: no end" in explained(judged(Shown(text="x")), {}, [])


def test_a_case_without_a_history_is_its_verdict() -> None:
    bare = CaseFinished(case="c", scenario="s", client="c", verdict=Verdict.FAIL)
    assert explained(bare, {}, ["again"]) == "fail\n\nagain"


def test_what_is_whole_has_no_damage() -> None:
    assert list(damage(record(Shown(text=TEXT), COMPLETE))) == []


def test_a_missing_end_is_shown_against_what_should_stand_there() -> None:
    _, expected, seen = damage(record(Shown(text=TEXT[:100]), COMPLETE))
    assert expected == f"  expected  …{TEXT[60:160]}…"
    assert seen == f"  seen      …{TEXT[60:100]} (ends here)"


def test_an_empty_text_is_nothing() -> None:
    _, expected, seen = damage(record(COMPLETE))
    assert (expected, seen) == (f"  expected  {TEXT[:60]}…", "  seen      (nothing)")


@pytest.mark.parametrize(
    "client", [(), (Finished(outcome=Outcome.FAILED, error=ErrorSeen(name="E", message="", typed=True)),)]
)
def test_a_text_of_which_nothing_is_said_has_no_damage(client: tuple[ClientRecord, ...]) -> None:
    assert list(damage(record(*client))) == []


def test_text_that_was_wrong_for_a_moment_is_the_damage_even_if_the_end_is_right() -> None:
    said, _, seen = damage(record(Shown(text="\x1b[2JNo"), Cleared(), Shown(text=TEXT), COMPLETE))
    assert seen == "  seen      \\x1b[2JNo (ends here)"
    assert "holds what the model never said" in said


def test_a_long_story_loses_its_middle_and_is_safe_to_print() -> None:
    client = [one for _ in range(9) for one in (Shown(text="\x1b"), Cleared())]
    lines = list(wire(record(*client, writes=1)))
    assert len([one for one in lines if "more" in one]) == 1
    assert not any("\x1b" in one for one in lines)
    assert "request 1" in lines[0]


def test_a_short_story_is_told_in_full() -> None:
    assert not any("more" in one for one in wire(record(Shown(text="x"), COMPLETE)))
