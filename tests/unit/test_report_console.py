"""What is printed of a run: by the law that was broken, the worst first, in so many lines and in so many columns."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

import msgspec
import pytest
from fabricated import FAIL, PASS, SKIP, UNKNOWN, ended, run_of

from harness import catalog
from harness.events import CaseFinished, RunFinished
from harness.standing import Known

LAWS = [law.code for law in sorted(catalog.laws(), key=lambda law: (law.rank, law.code))]
HARM = "the user saw a great many words that nobody had ever said, and was told that all of them were right " * 2


@pytest.fixture(autouse=True)
def _without_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def printed(cases: Sequence[CaseFinished], name: str = "console", end: RunFinished | None = None) -> list[str]:
    out = StringIO()
    reporter = catalog.reporter(name)(out)
    *run, over = run_of(cases)
    for event in (*run, end or over):
        reporter.take(event)
    return out.getvalue().splitlines()


def failing(clients: int, laws: Sequence[str], scenarios: int = 3) -> list[CaseFinished]:
    """Every client breaks every law in some scenarios."""
    return [
        ended(FAIL, law, scenario=f"family_{law}.scenario_{nth}", client=f"client_number_{one}", harm=HARM)
        for one in range(clients)
        for law in laws
        for nth in range(scenarios)
    ]


def heads(lines: list[str]) -> list[str]:
    """The laws that are told, in their order."""
    return [line.split()[1] for line in lines if line.startswith(("✗ SP", "? SP", "! SP"))]


@pytest.mark.parametrize("columns", ["", "20", "40", "80", "200"])
@pytest.mark.parametrize("clients", [1, 9, 24])
@pytest.mark.parametrize("laws", [1, 5, len(LAWS)])
def test_however_much_fails_it_takes_no_more_lines_than_there_are(
    monkeypatch: pytest.MonkeyPatch, columns: str, clients: int, laws: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = printed(failing(clients, LAWS[:laws]))
    assert len(lines) + 1 <= 40  # one more says what files were written
    assert not columns or max(map(len, lines)) <= int(columns)


def test_the_worst_law_comes_first() -> None:
    assert heads(printed(failing(1, LAWS[3::-1]))) == LAWS[:4]


def test_what_is_unknown_comes_after_all_that_failed() -> None:
    cases = [ended(UNKNOWN, LAWS[0], scenario="f.doubt"), ended(FAIL, LAWS[-1], scenario="f.failed")]
    assert heads(printed(cases)) == [LAWS[-1], LAWS[0]]


def test_a_law_is_told_with_its_cases_its_clients_what_it_did_and_how_to_see_it() -> None:
    cases = [ended(FAIL, "SP02", scenario=f"f.n{nth}", client=client) for client in ("a", "b") for nth in range(5)]
    lines = printed(cases)
    place = lines.index("✗ SP02 terminal_required: 10 cases (a 5, b 5)")
    assert lines[place + 1 : place + 4] == [
        "  the user saw 41% of the answer",
        "  f.n0, f.n1, f.n2 and 2 more",
        "  streamproof replay f.n0@a:1",
    ]


def test_laws_without_room_for_all_of_it_have_a_line_and_without_that_are_counted() -> None:
    few = printed(failing(1, LAWS[:9]))
    assert heads(few) == LAWS[:9]
    assert sum("streamproof replay" in line for line in few) < 9
    many = printed(failing(24, LAWS))
    told = heads(many)
    (rest,) = (line for line in many if line.startswith("and ") and "more laws" in line)
    assert told == LAWS[: len(told)]
    left = len(LAWS) - len(told)
    assert rest == f"and {left} more laws: {left * 24 * 3} cases"


def test_every_case_is_counted_whatever_has_no_line() -> None:
    cases = [
        ended(verdict, scenario=f"f.{nth}", client=f"c{nth % 20}") for nth, verdict in enumerate([FAIL, PASS] * 50)
    ]
    lines = printed(cases)
    told = [line.partition(" more ")[2] or line for line in lines[1 : lines.index("")]]
    assert sum(int(word) for line in told for word in line.split() if word.isdigit()) == len(cases)


def test_a_name_of_a_client_is_never_cut_by_the_marks_that_stand_over_numbers() -> None:
    cases = failing(9, LAWS[:1])
    assert {f"client_number_{one}" for one in range(9)} <= {line.split()[1] for line in printed(cases)[1:10]}


@pytest.mark.parametrize("columns", ["40", "80", "118"])
def test_the_heads_of_the_matrix_of_marks_are_whole_however_many_clients_there_are(
    monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    cases = [
        ended(PASS, scenario=f"family.s{nth}", client=f"client_number_{one}") for one in range(24) for nth in range(27)
    ]
    lines = printed(cases, "marks")
    words = [word for line in lines for word in line.split()]
    assert [word for word in words if word.startswith("client_number")][:24] == [
        f"client_number_{one}" for one in range(24)
    ]
    assert words.count("✓" * 27) == 24
    assert max(map(len, lines)) <= int(columns)


@pytest.mark.parametrize("columns", ["", "40"])
def test_a_run_in_which_all_is_well_is_two_lines(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    cases = [ended(PASS, scenario="f.a"), ended(SKIP, scenario="f.b")]
    assert printed(cases) == ["✓ naive: 1 passed, 1 skipped", "2 of 2 cases in 1.0 s; seed 1"]


def test_known_failures_are_well_and_counted() -> None:
    known = ended(FAIL, "SP02", scenario="f.known", known=Known(law="SP02", reason="it is so"))
    first, told, _ = printed([known, ended(PASS, scenario="f.pass")])
    assert first == "✓ naive: 1 passed, 1 failed as known"
    assert told == "known failures: 1 failed as known"


def test_a_known_failure_that_passed_is_told_by_the_law_that_was_known() -> None:
    lines = printed([ended(PASS, scenario="f.fixed", known=Known(law="SP02", reason="it is so"))])
    assert "! SP02 terminal_required: 1 case (naive 1)" in lines
    assert "  known to fail by SP02, and passes now: remove its entry" in lines


def test_an_interrupted_run_is_not_said_to_have_passed() -> None:
    over = RunFinished(counts={}, interrupted=True, seconds=1.0)
    first, second = printed([ended(PASS)], end=over)
    assert first == "? naive: 1 passed"
    assert "interrupted" in second


def test_a_case_without_a_ruling_is_told() -> None:
    lines = printed([msgspec.structs.replace(ended(FAIL), rulings=())])
    assert "✗ no law: 1 case (naive 1)" in lines
    assert "  no law says why" in lines
    assert "explain" not in "\n".join(lines)


def test_a_law_that_there_is_not_any_more_is_told_by_its_code() -> None:
    assert "✗ SP98: 1 case (naive 1)" in printed([ended(FAIL, "SP98")])
