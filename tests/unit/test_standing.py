"""How a case stands to what was known of it, and to its own earlier tries."""

from __future__ import annotations

import pytest
from fabricated import FAIL, PASS, SKIP, UNKNOWN, ended, several

from harness.standing import Known, Standing
from harness.verdict import Verdict

KNOWN = Known(law="SP02", reason="read over a clean end")
FLAKY = Known(law="SP02", reason="a race", flaky=True)


@pytest.mark.parametrize("verdict", Verdict)
def test_a_case_of_which_nothing_was_known_stands_as_its_verdict(verdict: Verdict) -> None:
    assert ended(verdict).standing.value == verdict.value
    assert ended(verdict).note == ""


def test_a_failure_by_the_law_of_its_entry_was_known_and_tells_the_reason() -> None:
    case = ended(FAIL, "SP02", "SP08", known=KNOWN)
    assert (case.standing, case.note) == (Standing.KNOWN, "known failure: read over a clean end")


def test_a_failure_by_another_law_is_another_failure() -> None:
    case = ended(FAIL, "SP03", "SP02", known=KNOWN)
    assert (case.standing, case.note) == (Standing.FAIL, "known to fail by SP02; this is another failure")


def test_a_failure_that_no_law_explains_was_not_known() -> None:
    assert ended(FAIL, harm="", known=KNOWN).standing is Standing.FAIL


def test_a_known_failure_that_passes_asks_for_its_entry_to_be_removed() -> None:
    case = ended(PASS, known=KNOWN)
    assert (case.standing, case.note) == (Standing.FIXED, "known to fail by SP02, and passes now: remove its entry")


def test_a_known_failure_that_is_flaky_may_pass() -> None:
    case = ended(PASS, known=FLAKY)
    assert (case.standing, case.note) == (Standing.PASS, "known to fail by SP02 at times")
    assert ended(FAIL, "SP02", known=FLAKY).standing is Standing.KNOWN
    assert ended(FAIL, "SP03", known=FLAKY).standing is Standing.FAIL


@pytest.mark.parametrize("verdict", [UNKNOWN, SKIP])
@pytest.mark.parametrize("known", [KNOWN, FLAKY])
def test_what_cannot_be_told_neither_confirms_nor_refutes_an_entry(verdict: Verdict, known: Known) -> None:
    case = ended(verdict, known=known)
    assert case.standing.value == verdict.value
    assert "neither confirms nor refutes" in case.note


@pytest.mark.parametrize("reason", ["", "  ", "TODO", "todo: ask them", " TODO"])
def test_a_placeholder_is_no_reason(reason: str) -> None:
    known = Known(law="SP02", reason=reason)
    assert not known.has_reason
    assert ended(FAIL, known=known).note == "known failure: no reason is given"


def test_a_fail_and_then_a_pass_is_flaky_and_a_failure_and_tells_every_verdict() -> None:
    case = several((FAIL, "SP02"), (UNKNOWN, "SP22"), PASS)
    assert (case.standing, case.is_flaky) == (Standing.FAIL, True)
    assert case.note == "flaky: fail SP02, unknown SP22, pass"


def test_a_known_failure_that_passed_in_another_try_is_known_and_flaky() -> None:
    case = several((FAIL, "SP02"), PASS, known=KNOWN)
    assert case.standing is Standing.KNOWN
    assert case.note == "known failure: read over a clean end; flaky: fail SP02, pass"


@pytest.mark.parametrize("laws", [("SP02", "SP03"), ("SP03", "SP02")])
def test_a_known_failure_that_failed_once_by_another_law_is_another_failure(laws: tuple[str, str]) -> None:
    case = several(*((FAIL, law) for law in laws), known=KNOWN)
    assert case.standing is Standing.FAIL
    assert case.note.endswith(f"by different laws: fail {laws[0]}, fail {laws[1]}")


def test_tries_that_ended_alike_are_counted_and_are_not_flaky() -> None:
    case = several((FAIL, "SP02"), (FAIL, "SP02"), (FAIL, "SP02"))
    assert (case.is_flaky, case.note) == (False, "the same in each of 3 tries")
