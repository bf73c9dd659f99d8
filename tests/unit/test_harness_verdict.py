"""How verdicts merge, and how a case is judged."""

from __future__ import annotations

from itertools import permutations

import pytest

from harness.checks.adapter_kept_its_word import adapter_kept_its_word
from harness.history import Case, CaseInfo, Record
from harness.law import Law, judge, law
from harness.model import AdapterFailed, Expect, Finished, Level, Limits, Outcome, Policy, Shown
from harness.verdict import PASSED, Ruling, Verdict, failed, merge

WORST_FIRST = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.SKIP)


@law("T2", rank=2)
def harmless(_case: Case) -> Ruling:
    """Always passes."""
    return PASSED


@law("T1", rank=1)
def broken(_case: Case) -> Ruling:
    """Has a bug."""
    raise KeyError("usage")


@law("T3", rank=1, tolerates=0.3)
def slow(_case: Case) -> Ruling:
    """Blames the client for time."""
    return failed("it took 3 s")


@law("T4", rank=1)
def untimed(_case: Case) -> Ruling:
    """Blames the client for something else than time."""
    return failed("half of it was lost")


def case(*client: Finished | Shown | AdapterFailed, lag: float = 0.0, lost: float = 0.0) -> Case:
    info = CaseInfo(
        id="family.name@client:1",
        scenario="family.name",
        client="client",
        seed="1",
        title="Something goes wrong.",
        policy=Policy.RECOVER,
        level=Level.MUST,
        expect=Expect(),
        texts=(),
        limits=Limits(),
        max_attempts=5,
        capabilities=(),
    )
    return Case(Record(info=info, client=client, lag=lag, lost=lost))


@pytest.mark.parametrize("better", range(4))
def test_the_worst_verdict_wins_whatever_the_order(better: int) -> None:
    for order in permutations(WORST_FIRST[better:]):
        assert merge(order) is WORST_FIRST[better]


def test_no_verdict_at_all_is_a_skip() -> None:
    assert merge([]) is Verdict.SKIP


def test_a_check_that_raises_is_unknown_and_names_its_error() -> None:
    (ruling,) = judge(case(), [broken])
    assert ruling.verdict is Verdict.UNKNOWN
    assert "the check itself failed with KeyError: 'usage'" in ruling.harm


def test_a_check_that_raises_does_not_silence_the_others() -> None:
    assert [one.verdict for one in judge(case(), [harmless, broken, untimed])] == [
        Verdict.UNKNOWN,
        Verdict.FAIL,
        Verdict.PASS,
    ]


def test_every_ruling_carries_the_code_of_its_law() -> None:
    assert {one.law for one in judge(case(), [harmless, broken, slow])} == {"T1", "T2", "T3"}


def test_rulings_come_by_rank_and_then_by_code() -> None:
    assert [one.law for one in judge(case(), [harmless, untimed, slow, broken])] == ["T1", "T3", "T4", "T2"]


def test_an_adapter_failure_leaves_only_sp00() -> None:
    laws = [untimed, broken, adapter_kept_its_word]
    (ruling,) = judge(case(Finished(outcome=Outcome.COMPLETE), AdapterFailed(why="it yielded 42")), laws)
    assert (ruling.law, ruling.verdict) == ("SP00", Verdict.UNKNOWN)
    assert ruling.harm == "the adapter failed: it yielded 42"


@pytest.mark.parametrize(
    ("one", "lag", "verdict"),
    [
        pytest.param(slow, 0.0, Verdict.FAIL, id="timed_and_prompt"),
        pytest.param(slow, 0.3, Verdict.FAIL, id="timed_and_just_prompt_enough"),
        pytest.param(slow, 0.301, Verdict.UNKNOWN, id="timed_and_late"),
        pytest.param(untimed, 60.0, Verdict.FAIL, id="untimed_and_late"),
    ],
)
def test_a_failure_proves_nothing_on_a_machine_later_than_its_law_tolerates(
    one: Law, lag: float, verdict: Verdict
) -> None:
    assert judge(case(lag=lag), [one])[0].verdict is verdict


@pytest.mark.parametrize(
    ("one", "lost", "verdict"),
    [
        pytest.param(slow, 0.5, Verdict.FAIL, id="half_a_second_of_one"),
        pytest.param(slow, 0.501, Verdict.UNKNOWN, id="more_than_half_a_second_of_one"),
        pytest.param(untimed, 0.9, Verdict.FAIL, id="untimed"),
    ],
)
def test_a_failure_proves_nothing_on_a_machine_that_is_late_again_and_again(
    one: Law, lost: float, verdict: Verdict
) -> None:
    assert judge(case(lag=0.1, lost=lost), [one])[0].verdict is verdict


def test_a_late_machine_is_named_beside_the_harm_that_it_may_have_made() -> None:
    harm = judge(case(lag=1.5), [slow])[0].harm
    assert "1.50 s late" in harm
    assert "it took 3 s" in harm
