"""What a test may say of its user, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fake_server.answer import Answer
from fake_server.script import script
from harness import catalog
from harness.errors import UsageError
from harness.job import API_KEY
from harness.model import (
    Billed,
    Cleared,
    ErrorSeen,
    Expect,
    Finished,
    Job,
    Limits,
    Noticed,
    Observed,
    Outcome,
    Scenario,
    Shown,
    ToolUse,
)
from harness.witness import Witness

SCENARIO = Scenario(name="own", family="own", title="Own.", script=script(Answer()), expect=Expect())
JOB = Job(base_url="http://there", api_key=API_KEY, request={"model": "m"}, limits=Limits(), max_attempts=6, seed="1")


class ChatError(Exception):
    """The client's own."""


def witness(*errors: type[BaseException]) -> tuple[Witness, list[Observed]]:
    seen: list[Observed] = []
    return Witness(SCENARIO, JOB, seen.append, errors), seen


def fails(error: BaseException) -> None:
    """A client that raises."""
    raise error


def test_a_case_tells_what_the_client_needs() -> None:
    case, _ = witness()
    told = (case.base_url, case.api_key, case.request, case.limits, case.max_attempts, case.fallbacks)
    assert told == (JOB.base_url, JOB.api_key, JOB.request, JOB.limits, JOB.max_attempts, ())


def test_what_the_user_sees_is_noted_in_its_order() -> None:
    case, seen = witness()
    case.shown("The")
    case.noticed("trying again")
    case.cleared()
    case.shown("A whole answer.")
    case.complete()
    assert seen == [
        Shown(text="The"),
        Noticed(what="trying again"),
        Cleared(),
        Shown(text="A whole answer."),
        Finished(outcome=Outcome.COMPLETE, stop_reason=""),
    ]


def test_another_end_tells_all_that_is_said_of_it() -> None:
    case, seen = witness()
    bill = Billed(input=1, output=2, exact=True)
    call = ToolUse("look", {"at": 1})
    case.ended(
        "truncated",
        "The",
        stop_reason="max_tokens",
        tools=[("look", {"at": 1}), call],
        usage={"output_tokens": 2},
        billed=bill,
        content=[{"type": "text"}],
    )
    assert seen == [
        Finished(
            outcome=Outcome.TRUNCATED,
            text="The",
            stop_reason="max_tokens",
            tools=(call, call),
            usage={"output_tokens": 2},
            billed=bill,
            content=({"type": "text"},),
        )
    ]


@pytest.mark.parametrize(
    ("say", "told"),
    [
        (lambda case: case.ended("completed", "x"), "did you mean complete"),
        (lambda case: case.complete(), "say what the user saw"),
        (lambda case: case.complete(b"x"), "text takes the text as its user sees it, a str, and got bytes"),
        (lambda case: case.shown(None), "a str, and got NoneType"),
        (lambda case: (case.complete("x"), case.failed(ChatError())), "ended complete already"),
        (lambda case: (case.complete("x"), case.shown("x")), "was shown again: one case is one call"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(say: Callable[[Witness], object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        say(witness()[0])


@pytest.mark.parametrize(
    ("shown", "partial", "outcome"),
    [("The", None, Outcome.INCOMPLETE), ("", "The", Outcome.INCOMPLETE), ("", None, Outcome.FAILED)],
)
def test_a_failure_that_left_text_is_incomplete(shown: str, partial: str | None, outcome: Outcome) -> None:
    case, seen = witness()
    if shown:
        case.shown(shown)
    case.failed(ChatError("broke off"), partial)
    error = ErrorSeen(name=f"{__name__.partition('.')[0]}.ChatError", message="broke off", typed=True, partial=partial)
    assert seen[-1] == Finished(outcome=outcome, error=error)


@pytest.mark.parametrize(
    ("errors", "error", "typed"),
    [((), ValueError(), True), ((ChatError,), ChatError(), True), ((ChatError,), ValueError(), False)],
)
def test_the_class_of_an_error_is_judged_only_by_errors_that_were_named(
    errors: tuple[type[BaseException], ...], error: Exception, typed: bool
) -> None:
    case, seen = witness(*errors)
    case.failed(error)
    finished = seen[-1]
    assert isinstance(finished, Finished)
    assert finished.error is not None
    assert finished.error.typed is typed


def test_an_error_may_be_said_in_full() -> None:
    case, seen = witness()
    error = ErrorSeen(name="chat.ChatError", message="", typed=True, status=529, partial="The")
    case.failed(error)
    assert (seen[-1], case.raised) == (Finished(outcome=Outcome.INCOMPLETE, error=error), "")


def test_the_end_of_the_block_is_the_end_of_the_answer() -> None:
    case, seen = witness()
    with case.observe() as one:
        one.shown("The")
    assert seen == [Shown(text="The"), Finished(outcome=Outcome.COMPLETE, stop_reason="")]


def test_a_block_that_showed_nothing_ends_an_empty_answer() -> None:
    case, seen = witness()
    with case.observe():
        pass
    assert seen == [Finished(outcome=Outcome.COMPLETE, stop_reason="")]


def test_an_end_that_was_said_in_the_block_stands() -> None:
    case, seen = witness()
    with case.observe() as one:
        one.ended("refused", "")
    assert [one.outcome for one in seen if isinstance(one, Finished)] == [Outcome.REFUSED]


def test_what_the_client_raises_in_the_block_is_what_its_user_gets_and_goes_no_further() -> None:
    case, seen = witness()
    with case.observe():
        fails(ValueError("bad JSON"))
    finished = seen[-1]
    assert isinstance(finished, Finished)
    assert finished.error is not None
    assert finished.error.name == "builtins.ValueError"
    assert case.raised.startswith("test_witness.py:")


def test_an_error_that_the_mark_names_is_the_clients_wherever_it_is_raised() -> None:
    case, seen = witness(AssertionError)
    with case.observe():
        raise AssertionError
    assert isinstance(seen[-1], Finished)


def test_what_the_test_itself_raises_in_the_block_goes_through() -> None:
    case, seen = witness()
    with pytest.raises(NameError), case.observe():
        undefined  # type: ignore[name-defined]  # noqa: B018, F821
    assert seen == []


@pytest.mark.parametrize("error", [AssertionError(), UsageError(), KeyboardInterrupt()])
def test_a_failed_assert_a_usage_error_and_an_interrupt_are_never_the_clients(error: BaseException) -> None:
    case, seen = witness()
    with pytest.raises(type(error)), case.observe():
        fails(error)
    assert seen == []


def test_what_is_raised_behind_the_end_goes_through() -> None:
    case, _ = witness()
    case.complete("The")
    with pytest.raises(ValueError), case.observe():
        fails(ValueError())


def codes(case: Witness) -> set[str]:
    return {one.code for one in case.asked(catalog.laws())}


def test_what_was_kept_is_judged_only_when_the_test_tells_it() -> None:
    silent, _ = witness()
    silent.failed(ChatError())
    told, _ = witness()
    told.failed(ChatError(), "")
    shown, _ = witness()
    shown.shown("The")
    shown.failed(ChatError())
    assert codes(told) == codes(shown) == {one.code for one in catalog.laws()}
    assert codes(told) - codes(silent) == {"SP09"}
