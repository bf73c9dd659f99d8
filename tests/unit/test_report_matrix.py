"""The matrix as JSON: every cell once, and what makes one differ from others told beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import StringIO
from typing import Any

import msgspec
from fabricated import FAIL, HARM, PASS, SKIP, UNKNOWN, ended, run_of, several

from harness import catalog
from harness.events import CaseFinished

CASES = (
    ended(PASS, scenario="f.passed"),
    ended(FAIL, scenario="f.failed"),
    several((UNKNOWN, "SP22"), PASS, scenario="f.passed_in_the_end"),
    several((FAIL, "SP02"), PASS, scenario="f.failed_at_first"),
)


def written(cases: Sequence[CaseFinished] = CASES) -> str:
    out = StringIO()
    reporter = catalog.reporter("matrix")(out)
    for event in run_of(cases):
        reporter.take(event)
    return out.getvalue()


def cells(cases: Sequence[CaseFinished] = CASES) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(written(cases))["cells"]
    return found


def test_who_passed_is_in_a_list_and_every_other_verdict_tells_its_law_and_harm() -> None:
    client = CASES[0].client
    assert cells()["f.passed"] == {"pass": [client]}
    assert cells()["f.failed"] == {"pass": [], "fail": {client: {"law": "SP02", "harm": HARM}}}


def test_a_case_that_failed_once_stands_where_it_counts_and_among_the_flaky_ones() -> None:
    client = CASES[0].client
    assert cells()["f.passed_in_the_end"] == {"pass": [client]}
    row = cells()["f.failed_at_first"]
    assert (row["pass"], list(row["fail"])) == ([], [client])
    assert row["flaky"] == {client: {"tries": ["fail", "pass"]}}


def test_a_client_of_which_no_case_was_run_has_no_cells_and_the_reason_is_told() -> None:
    skipped = msgspec.structs.replace(ended(SKIP, scenario="f.passed"), why="its packages are not installed")
    told = json.loads(written([skipped]))
    assert (told["cells"], told["absent"]) == ({}, {skipped.client: "its packages are not installed"})
