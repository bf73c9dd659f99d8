"""Cases of fuzzing in which the harness accused the bundled client and was wrong. The law or the reader was mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import catalog, recorded
from harness.adapters.bundled import ADAPTER
from harness.confirm import planned
from harness.engine import finished
from harness.sim import runner
from harness.verdict import Verdict

CASES = sorted((Path(__file__).parents[1] / "false_accusations").glob("*.json"))


def test_there_are_cases() -> None:
    assert CASES


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_nobody_is_accused_of_it_any_more(path: Path) -> None:
    result = finished(runner.run(planned(recorded.read(path), ADAPTER)), catalog.laws())
    assert result.verdict is not Verdict.FAIL, result.finding
