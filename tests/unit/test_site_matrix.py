"""The page of the matrix says what was measured, and says plainly where nothing was."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from harness.site import matrix
from harness.site.matrix import Cell, Matrix, Row
from reports.matrix import _written

COUNTS = {
    "good": {"pass": 2, "fail": 0, "skip": 1, "unknown": 0},
    "poor": {"pass": 1, "fail": 1, "skip": 0, "unknown": 1},
    "idle": {"pass": 0, "fail": 0, "skip": 3, "unknown": 0},
    "gone": {"pass": 0, "fail": 0, "skip": 3, "unknown": 0},
}
CELLS = {
    "cutoff.clean": Row(passed=("good",), fail={"poor": Cell(law="SP02", harm="half")}),
    "cutoff.reset": Row(passed=("good", "poor"), skip={"idle": Cell(why="other API")}),
    "stall.long": Row(unknown={"poor": Cell(why="late", tries=("unknown", "pass"))}),
}
MEASURED = Matrix(
    date="2026-11-28",
    seed="42",
    tries=3,
    versions={"good": "1.0", "poor": "2|0"},
    counts=COUNTS,
    absent={"gone": "it needs *go*"},
    cells=CELLS,
)
PAGES = {"cutoff": "catalogue/cutoff.md", "stall": "catalogue/stall.md"}
PAGE = matrix.page(MEASURED, PAGES).replace("\u00a0", " ")


def test_without_a_file_there_is_no_matrix_and_the_page_says_what_is_missing() -> None:
    assert matrix.read(None) is None
    assert "There is none" in matrix.page(None, {})
    assert matrix.WHERE in matrix.page(None, {})


def test_what_the_report_writes_is_what_is_read() -> None:
    head = {"date": "d", "seed": "1", "tries": 1, "versions": {"a": "1"}, "counts": {"a": {"pass": 1}}, "absent": {}}
    written = _written(head, {"x.y": {"pass": ["a"], "fail": {"b": {"law": "SP02", "harm": "h"}}}})
    read = matrix.read(written)
    assert read is not None
    assert read.cells == {"x.y": Row(passed=("a",), fail={"b": Cell(law="SP02", harm="h")})}


def test_what_is_no_matrix_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        matrix.read('{"date": 1}')


def test_clients_stand_in_the_order_of_what_they_passed_and_one_that_was_not_run_stands_apart() -> None:
    assert MEASURED.clients == ["good", "poor", "idle"]
    assert "| gone | it needs &#42;go&#42; |" in PAGE.partition("## Not run")[2]


def test_the_page_tells_passed_of_judged_for_each_client_and_chapter() -> None:
    assert "| good | 1.0 | 2 of 2 | 100 % | 0 | 0 | 1 |" in PAGE
    assert "| poor | 2&#124;0 | 1 of 2 | 50 % | 1 | 1 | 0 |" in PAGE
    assert "| idle |  |  |  | 0 | 0 | 3 |" in PAGE
    assert "| [cutoff](catalogue/cutoff.md) | 2 of 2 | 1 of 2 |  |" in PAGE
    assert "| [stall](catalogue/stall.md) |  |  |  |" in PAGE


def test_a_matrix_of_which_every_client_was_run_has_no_such_list() -> None:
    assert "## Not run" not in matrix.page(msgspec.structs.replace(MEASURED, absent={}), {})


def test_a_scenario_is_told_in_a_line_which_names_few_that_failed_and_only_counts_many() -> None:
    assert MEASURED.told("cutoff.clean") == "1 pass, 1 fail: poor"
    assert MEASURED.told("stall.long") == "0 pass, 0 fail, 1 unknown"
    assert MEASURED.told("not.run") == ""
    many = Row(fail={f"c{number}": Cell() for number in range(9)})
    assert msgspec.structs.replace(MEASURED, cells={"a.b": many}).told("a.b") == "0 pass, 9 fail"


def test_the_matrix_of_this_repository_can_be_read_where_there_is_one() -> None:
    path = Path(__file__).parents[2] / matrix.WHERE
    if not path.exists():
        pytest.skip(f"NOT READ: there is no {matrix.WHERE}")
    read = matrix.read(path.read_text("utf-8"))
    assert read is not None
    assert set(json.loads(path.read_text("utf-8"))["cells"]) == set(read.cells)
