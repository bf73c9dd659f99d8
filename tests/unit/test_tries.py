"""What several tries of a case come to, in a run, in a killed one, and judged again."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import msgspec
import pytest
from fabricated import FAIL, PASS, SKIP, UNKNOWN, ended, run_of, several, tries
from unit.test_harness_journal import nothing_is_right, record

from harness.events import CaseFinished, CaseTried, Event, RunFinished
from harness.journal import encode, judged_again, read
from harness.standing import Known, Try
from harness.tries import Tally, goes_again, settled
from harness.verdict import Verdict


@pytest.mark.parametrize("order", list(permutations([FAIL, UNKNOWN, PASS])))
def test_a_failure_is_not_taken_back_by_any_other_try(order: tuple[Verdict, ...]) -> None:
    case = several(*order)
    assert (case.verdict, case.is_flaky) == (FAIL, True)
    assert [one.verdict for one in case.tries] == list(order)


def test_a_try_that_could_not_be_judged_says_nothing_against_a_pass() -> None:
    case = several(UNKNOWN, PASS)
    assert (case.verdict, case.is_flaky) == (PASS, False)
    assert case.note == "tried again: unknown SP02, pass"


@pytest.mark.parametrize(
    ("verdict", "law", "most", "times"),
    [
        (PASS, "", 3, 1),
        (FAIL, "SP02", 1, 1),
        (FAIL, "SP02", 3, 3),
        (UNKNOWN, "SP18", 1, 2),
        (UNKNOWN, "SP18", 3, 3),
        (UNKNOWN, "SP00", 1, 1),
        (UNKNOWN, "SP00", 3, 3),
    ],
)
def test_what_could_not_be_told_is_tried_twice_unless_the_adapter_is_to_blame(
    verdict: Verdict, law: str, most: int, times: int
) -> None:
    case = ended(verdict, law)
    assert [goes_again(case, nth, most) for nth in range(1, times + 1)] == [True] * (times - 1) + [False]


def test_tries_of_which_none_could_be_judged_are_unknown() -> None:
    assert several(UNKNOWN, UNKNOWN).verdict is UNKNOWN


def test_the_first_try_that_decides_is_the_one_that_is_told() -> None:
    case = several((UNKNOWN, "SP22"), (FAIL, "SP03"), (FAIL, "SP02"))
    assert case.finding is not None
    assert case.finding.law == "SP03"
    assert case.tries == (
        Try(verdict=UNKNOWN, law="SP22"),
        Try(verdict=FAIL, law="SP03"),
        Try(verdict=FAIL, law="SP02"),
    )


def test_a_single_try_leaves_no_trace_of_tries() -> None:
    (only,) = tries(FAIL)
    assert settled([only]) == ended(FAIL)


def test_a_tally_counts_cases_and_not_tries() -> None:
    tally = Tally(["naive", "bundled"])
    for event in (*tries(FAIL, PASS), several(FAIL, PASS), ended(SKIP, scenario="cutoff.reset")):
        tally.take(event)
    assert tally.counts == {"naive": {FAIL: 1, SKIP: 1}, "bundled": {}}
    assert (tally.finished, list(tally.settle())) == (2, [])


def test_a_tally_settles_what_was_tried_and_is_not_finished_once() -> None:
    tally = Tally()
    for one in tries(UNKNOWN, FAIL):
        tally.take(one)
    assert list(tally.settle()) == [several(UNKNOWN, FAIL)]
    assert list(tally.settle()) == []
    assert tally.counts == {"naive": {FAIL: 1}}


def history(tmp_path: Path, *events: Event) -> list[Event]:
    """What is read from a file of these."""
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"".join(map(encode, events)))
    return list(read(path))


def test_every_try_is_read_as_it_was_written(tmp_path: Path) -> None:
    known = Known(law="SP02", harm="half of it", reason="a race", flaky=True)
    started, case, end = run_of([several(FAIL, PASS, known=known)])
    wrote = [started, *tries(FAIL, PASS), case, end]
    assert history(tmp_path, *wrote) == wrote


def test_a_run_that_was_killed_between_tries_keeps_what_they_came_to(tmp_path: Path) -> None:
    started, *_ = run_of([ended(FAIL)])
    *_, case, end = history(tmp_path, started, *tries(FAIL, UNKNOWN))
    assert case == msgspec.structs.replace(several(FAIL, UNKNOWN), number=1)
    assert end == RunFinished(number=2, counts={"naive": {FAIL: 1}}, interrupted=True)


def judged_by_nothing_is_right(*events: Event) -> list[Event]:
    return list(judged_again(events, [nothing_is_right]))


def test_every_try_is_judged_again_and_what_was_known_is_kept() -> None:
    known = Known(law="T1")
    first, second = (msgspec.structs.replace(one, case="f.n@a:1", record=record()) for one in tries(PASS, UNKNOWN))
    case = msgspec.structs.replace(settled([first, second]), known=known, number=7)
    *again, finished = judged_by_nothing_is_right(first, second, case)
    assert [(one.verdict, one.nth) for one in again if isinstance(one, CaseTried)] == [(FAIL, 1), (FAIL, 2)]
    assert isinstance(finished, CaseFinished)
    assert (finished.verdict, finished.known, finished.number) == (FAIL, known, 7)
    assert [one.law for one in finished.tries] == ["T1", "T1"]


def test_a_try_without_a_record_stays_as_it_is_when_it_is_judged_again() -> None:
    (only,) = tries(UNKNOWN)
    assert judged_by_nothing_is_right(only) == [only]
