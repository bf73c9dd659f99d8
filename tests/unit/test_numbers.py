"""Numbers of scenarios: once given, they stay."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness import catalog
from harness.bookkeeping import stale
from harness.errors import UsageError
from harness.numbers import Numbers, parse
from harness.options import scenario_called
from harness.plan import selected

IDS = ("rain.light", "rain.heavy", "snow.deep", "rain.never")
GIVEN = Numbers().and_of(IDS)
LINES = GIVEN.text().splitlines(keepends=True)


def complaint(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse(text, "numbers.txt")
    return str(caught.value)


def test_a_family_is_a_chapter_and_its_scenarios_are_counted_in_it() -> None:
    assert [GIVEN.of(one) for one in IDS] == ["1.1", "1.2", "2.1", "1.3"]
    assert GIVEN.chapters == {"rain": 1, "snow": 2}


def test_what_was_written_down_is_read_again() -> None:
    assert parse(GIVEN.text(), "numbers.txt").lines == GIVEN.lines


def test_new_scenarios_are_only_added_at_the_end() -> None:
    more = GIVEN.and_of(("snow.wet", *IDS, "fog.thick"))
    assert more.text().startswith(GIVEN.text())
    assert [more.of(one) for one in ("snow.wet", "fog.thick")] == ["2.2", "3.1"]


def test_a_scenario_that_is_gone_keeps_its_number() -> None:
    left = GIVEN.and_of(("rain.light", "rain.new"))
    assert (left.called("1.2"), left.of("rain.new")) == ("rain.heavy", "1.4")


def test_scenarios_are_sorted_by_chapter_and_place_and_new_ones_come_last() -> None:
    given = Numbers().and_of([f"rain.r{n}" for n in range(11)])
    assert sorted(("rain.new", "rain.r10", "rain.r1"), key=given.place) == ["rain.r1", "rain.r10", "rain.new"]


def test_what_has_no_number_has_an_empty_one_and_a_number_that_was_not_given_is_refused() -> None:
    assert GIVEN.of("fog.thick") == ""
    with pytest.raises(UsageError, match=r"no scenario named '1\.9'"):
        GIVEN.called("1.9")


@pytest.mark.parametrize("at", range(len(LINES) - 1))
def test_no_line_can_be_taken_out(at: int) -> None:
    assert f"numbers.txt:{at + 1}: " in complaint("".join(LINES[:at] + LINES[at + 1 :]))


@pytest.mark.parametrize("at", range(len(LINES) - 1))
def test_no_two_lines_can_change_their_places(at: int) -> None:
    assert f"numbers.txt:{at + 1}: " in complaint("".join((*LINES[:at], LINES[at + 1], LINES[at], *LINES[at + 2 :])))


@pytest.mark.parametrize(("old", "new"), [("1.2 ", "1.4 "), ("rain.heavy", "rain.hail"), ("2.1 snow", "1.3 snow")])
def test_no_number_can_be_given_to_another_scenario(old: str, new: str) -> None:
    assert "lines are only ever added at the end, by `make catalogue`" in complaint(GIVEN.text().replace(old, new))


def test_no_scenario_can_have_two_numbers() -> None:
    assert "numbers.txt:5: " in complaint(GIVEN.text() + LINES[0])


def test_a_line_that_is_none_is_named() -> None:
    assert complaint("1.1 rain\n") == "numbers.txt:1: expected NUMBER ID SEAL, found '1.1 rain'"


# ---- the catalogue


def test_every_scenario_has_a_number_and_the_page_of_coverage_is_up_to_date() -> None:
    assert stale() == [], "run `make catalogue` and commit what it writes"


def test_no_number_that_was_ever_committed_has_changed() -> None:
    path = catalog.home() / "numbers.txt"
    git = ["git", "-C", str(path.parent)]
    told = subprocess.run([*git, "log", "--format=%H", "--", path.name], capture_output=True, text=True)
    now = given(path.read_text("utf-8"))
    for commit in told.stdout.split():
        once = subprocess.run([*git, "show", f"{commit}:./{path.name}"], capture_output=True, text=True)
        assert given(once.stdout) <= now, commit


def given(text: str) -> set[str]:
    """Number and name of each line; the seal behind them changes when two branches that gave numbers are merged."""
    return {line.rpartition(" ")[0] for line in text.splitlines()}


def test_a_scenario_is_found_by_its_number() -> None:
    number = catalog.numbers().of("stall.mid_text")
    assert scenario_called(number).id == "stall.mid_text"


def test_who_asks_for_a_scenario_that_is_gone_is_told_which_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "numbers", lambda: GIVEN)
    with pytest.raises(UsageError, match=r"scenario 2\.1 was snow\.deep, and is gone; its number is not given again"):
        scenario_called("2.1")


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("1.2", ["rain.heavy"]),
        ("1.", ["rain.light", "rain.heavy", "rain.never"]),
        ("1. and not 1.1", ["rain.heavy", "rain.never"]),
        ("2.1 or light", ["rain.light", "snow.deep"]),
    ],
)
def test_numbers_select_as_names_do(expression: str, found: list[str]) -> None:
    assert selected(expression, IDS, GIVEN) == found


def test_a_number_selects_nothing_where_nothing_has_one() -> None:
    with pytest.raises(UsageError, match="selects none"):
        selected("1.2", IDS)


def test_no_id_looks_like_a_number(tmp_path: Path) -> None:
    assert selected("2", ("rain.v2", "snow.deep"), GIVEN) == ["rain.v2"]
