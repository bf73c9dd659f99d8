"""What a client's program says, and what is understood of it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import AdapterError
from harness.model import (
    Billed,
    Cleared,
    ErrorSeen,
    Fallback,
    Finished,
    Job,
    Limits,
    Noticed,
    Observed,
    Outcome,
    Shown,
    ToolRan,
    ToolUse,
)
from harness.spoken import Done, Hearing, described, environment


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ({"type": "text", "text": "Hi"}, Shown(text="Hi")),
        ({"type": "reset"}, Cleared()),
        ({"type": "notice", "what": "again"}, Noticed(what="again")),
        ({"type": "tool", "name": "pay", "input": {"amount": 1}}, ToolRan(name="pay", input={"amount": 1})),
        ({"type": "done"}, Finished(outcome=Outcome.COMPLETE)),
        (
            {"type": "done", "outcome": "truncated", "text": "Hi", "tools": [{"name": "pay", "input": {}}]},
            Finished(outcome=Outcome.TRUNCATED, text="Hi", tools=(ToolUse("pay", {}),)),
        ),
        (
            {"type": "done", "billed": {"input": 9, "output": None, "exact": False}},
            Finished(outcome=Outcome.COMPLETE, billed=Billed(input=9, output=None, exact=False)),
        ),
        (
            {"type": "error", "name": "Late", "status": 529, "typed": False},
            Finished(outcome=Outcome.FAILED, error=ErrorSeen(name="Late", message="", typed=False, status=529)),
        ),
    ],
)
def test_each_line_is_one_observation(line: dict[str, Any], seen: Observed) -> None:
    assert Hearing().heard(line) == seen


@pytest.mark.parametrize(
    "lines",
    [
        [{"type": "text", "text": "Hi"}, {"type": "error", "name": "Cut"}],
        [{"type": "error", "name": "Cut", "partial": "Hi"}],
    ],
)
def test_an_error_after_text_leaves_the_answer_incomplete(lines: list[dict[str, Any]]) -> None:
    hearing = Hearing()
    seen = [hearing.heard(line) for line in lines][-1]
    assert isinstance(seen, Finished)
    assert (seen.outcome, hearing.over) == (Outcome.INCOMPLETE, True)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"type": "txt"}, "the types are text, reset, notice, tool, done, error"),
        ({"text": "Hi"}, "missing required field `type`"),
        ({"type": "text"}, "missing required field `text`"),
        ({"type": "text", "text": 1}, "Expected `str`, got `int`"),
        ({"type": "done", "outcome": "good"}, "Invalid enum value 'good'"),
        ({"type": "done", "stopreason": "x"}, "unknown field `stopreason`"),
        ({"type": "done", "billed": {"input": 9, "output": 3}}, "missing required field `exact`"),
    ],
)
def test_what_cannot_be_understood_is_the_adapters_fault_and_is_quoted(line: dict[str, Any], told: str) -> None:
    with pytest.raises(AdapterError) as raised:
        Hearing().heard(line)
    assert told in str(raised.value)
    assert "in the line {" in str(raised.value)


def test_nothing_may_come_after_the_end() -> None:
    hearing = Hearing()
    hearing.heard({"type": "done"})
    with pytest.raises(AdapterError, match="'text' after it had said how the call ended"):
        hearing.heard({"type": "text", "text": "more"})


@pytest.mark.parametrize(
    ("shown", "status", "end"),
    [
        ("", 0, Finished(outcome=Outcome.COMPLETE)),
        ("Hi", 0, Finished(outcome=Outcome.COMPLETE)),
        ("", 3, Finished(outcome=Outcome.FAILED, error=ErrorSeen(name="exit status 3", message="why", typed=True))),
        ("Hi", -9, Finished(outcome=Outcome.INCOMPLETE, error=ErrorSeen(name="signal 9", message="why", typed=False))),
    ],
)
def test_the_exit_status_of_a_program_of_plain_text_says_how_it_ended(shown: str, status: int, end: Finished) -> None:
    hearing = Hearing()
    if shown:
        assert hearing.text(shown) == Shown(text=shown)
    assert hearing.ended(status, "before\nwhy\n") == end


def test_a_program_can_say_of_a_call_that_returned_all_that_an_adapter_in_the_process_can() -> None:
    said_otherwise = {"t", "error", "undelivered"}
    assert set(Done.__struct_fields__) == set(Finished.__struct_fields__) - said_otherwise


def test_a_job_says_all_that_an_adapter_in_the_process_is_told() -> None:
    job = Job(
        base_url="http://127.0.0.1:1/case/x",
        api_key="key",
        request={"model": "m"},
        limits=Limits(),
        max_attempts=6,
        seed="1",
        fallbacks=(Fallback(base_url="http://other", api_key="k2", model=None),),
    )
    said = described(job)
    assert set(Job.__slots__) - said.keys() == {"receiver", "memory", "kept"}
    assert said["limits"]["idle"] == Limits().idle
    assert said["fallbacks"] == [{"base_url": "http://other", "api_key": "k2", "model": None}]
    assert environment(job)["ANTHROPIC_BASE_URL"] == job.base_url
    assert environment(job)["OPENAI_BASE_URL"] == f"{job.base_url}/v1"
