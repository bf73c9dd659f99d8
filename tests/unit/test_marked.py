"""The arguments of the mark: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fake_server.dialect import Dialect
from harness import catalog
from harness.errors import InternalError, UsageError
from harness.job import job_of
from harness.marked import marked
from harness.model import Capability, Policy


def test_a_mark_without_arguments_asks_for_everything_and_promises_an_error() -> None:
    bare = marked()
    assert (bare.patterns, bare.policy, bare.capabilities, bare.errors) == ((), Policy.RAISE, frozenset(), ())


@pytest.mark.parametrize("capabilities", ["tools", {"tools"}, [Capability.TOOLS]])
@pytest.mark.parametrize("errors", [ValueError, (ValueError,), [ValueError]])
def test_one_is_as_good_as_a_list_of_one(capabilities: object, errors: object) -> None:
    one = marked("cutoff.*", policy="recover", capabilities=capabilities, errors=errors)
    assert (one.patterns, one.policy) == (("cutoff.*",), Policy.RECOVER)
    assert (one.capabilities, one.errors) == ({Capability.TOOLS}, (ValueError,))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"polcy": "raise"}, "did you mean policy"),
        ({"policy": "recovr"}, "did you mean recover"),
        ({"capabilities": {"tool"}}, "did you mean tools"),
        ({"dialect": "openai"}, "no dialect named 'openai'"),
        ({"capabilities": 3}, "no capability named '3'"),
        ({"errors": "ChatError"}, "errors are classes of exceptions, not 'C'"),
        ({"errors": int}, "not <class 'int'>"),
    ],
)
def test_a_wrong_argument_is_a_usage_error_that_names_it(arguments: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        marked(**arguments)


def test_a_pattern_is_text() -> None:
    with pytest.raises(UsageError, match="a pattern is a str, not 3"):
        marked("cutoff.*", 3)


@pytest.mark.parametrize(
    ("scenario", "why"),
    [
        ("sinks.message", "only an adapter"),
        ("retry.cancelled_mid_text", "cancels the call"),
        ("reuse.after_reset", "several calls of one client"),
        ("completion.max_tokens", r"capabilities=\{'outcomes'\}"),
        ("openai.error_chunk", "anthropic has no words for it"),
    ],
)
def test_what_a_test_cannot_run_says_why(scenario: str, why: str) -> None:
    found = catalog.scenarios()[scenario]
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(marked().not_possible(found))


def test_what_needs_nothing_or_only_what_is_declared_can_be_run() -> None:
    plain = catalog.scenarios()["completion.plain"]
    able = marked(capabilities="tools")
    assert able.not_possible(plain) == able.not_possible(replace(plain, requires=frozenset({Capability.TOOLS}))) == ""


def test_a_test_of_another_api_is_asked_in_its_words() -> None:
    mark = marked(dialect="openai_chat", capabilities="outcomes")
    assert mark.not_possible(catalog.scenarios()["openai.error_chunk"]) == ""
    planned = mark.planned(catalog.scenarios()["completion.plain"], "test_chat", "7")
    assert "max_completion_tokens" in planned.request()
    assert planned.info().dialect is Dialect.OPENAI_CHAT


def test_the_case_of_a_test_is_judged_by_the_mark_and_called_by_nobody_else() -> None:
    planned = marked(policy="recover", capabilities="tools").planned(
        catalog.scenarios()["completion.plain"], "test_chat", "7"
    )
    assert (planned.id, planned.policy) == ("completion.plain@test_chat:7", Policy.RECOVER)
    assert planned.info().capabilities == (Capability.TOOLS,)
    with pytest.raises(InternalError, match="its test's to make"):
        planned.adapter.run(job_of(planned, "http://nowhere"))
