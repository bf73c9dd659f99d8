"""The table of targets: what is met, what is missed, and what fails a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bench.targets import Row, table


def row(observed: float, limit: float, *, at_least: bool) -> Row:
    return Row(area="parser", what="framing", observed=observed, limit=limit, at_least=at_least, unit="×")


@pytest.mark.parametrize(
    ("observed", "limit", "at_least", "met", "far"),
    [
        (3.5, 3.5, True, True, False),
        (3.4, 3.5, True, False, False),
        (1.7, 3.5, True, False, True),
        (2.0, 2.0, False, True, False),
        (2.1, 2.0, False, False, False),
        (4.1, 2.0, False, False, True),
    ],
)
def test_a_limit_is_met_from_itself_on_and_missed_by_far_beyond_twice(
    observed: float, limit: float, at_least: bool, met: bool, far: bool
) -> None:
    found = row(observed, limit, at_least=at_least)
    assert (found.is_met, found.is_far) == (met, far)


def test_what_is_not_possible_at_best_is_missed_and_not_by_far() -> None:
    missed = replace(row(0.7, 1.5, at_least=True), at_best=0.9)
    assert (missed.is_met, missed.is_far) == (False, False)
    assert replace(missed, at_best=1.45).is_far
    assert not replace(row(4.5, 2.0, at_least=False), at_best=2.5).is_far


def test_the_table_says_of_each_row_whether_it_is_met() -> None:
    shown = table([row(3.0, 3.5, at_least=True), row(1.0, 2.0, at_least=False)])
    assert ["MISSED" in line for line in shown.splitlines()] == [True, False]
    assert "≥ 3.5" in shown
