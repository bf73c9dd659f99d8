"""A real run, read back from its file: whole, cut, damaged, judged again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from harness import catalog, engine
from harness.errors import UsageError
from harness.events import CaseFinished, Event, RunFinished
from harness.journal import encode, judged_again, read
from harness.plan import plan

SELECT = "completion.plain or cutoff.clean_end_mid_text or http_status.overloaded or content.tool_call or encoding"


@pytest.fixture(scope="session")
def recorded() -> list[Event]:
    """The events of a small run against the naive client."""
    planned = plan(catalog.scenarios(), [catalog.adapter("naive")], seed="7", select=SELECT)

    async def run() -> list[Event]:
        return [event async for event in engine.run(planned, catalog.laws())]

    return asyncio.run(run())


def written(path: Path, content: bytes) -> list[Event]:
    """What is read from a file with this content."""
    path.write_bytes(content)
    return list(read(path))


def cuts(line: bytes) -> list[int]:
    """Every place before the last brace of a short line; 200 of them in a long one."""
    last = len(line) - 2
    return [*range(0, last, max(1, last // 200)), last]


def test_a_run_is_read_as_it_was_written(recorded: list[Event], tmp_path: Path) -> None:
    assert written(tmp_path / "h", b"".join(map(encode, recorded))) == recorded


def test_a_truncated_last_line_loses_only_how_long_the_run_took(recorded: list[Event], tmp_path: Path) -> None:
    *lines, last = map(encode, recorded)
    for cut in cuts(last):
        events = written(tmp_path / "h", b"".join(lines) + last[:cut])
        assert events[:-1] == recorded[:-1]
        assert events[-1] == msgspec.structs.replace(recorded[-1], seconds=None)


def test_a_truncated_case_is_dropped_and_the_run_was_interrupted(recorded: list[Event], tmp_path: Path) -> None:
    first = next(place for place, event in enumerate(recorded) if isinstance(event, CaseFinished) and event.record)
    *lines, last = map(encode, recorded[: first + 1])
    for cut in cuts(last):
        *events, end = written(tmp_path / "h", b"".join(lines) + last[:cut])
        assert events == recorded[:first]
        assert isinstance(end, RunFinished)
        assert end.interrupted


def test_a_missing_newline_at_the_end_loses_nothing(recorded: list[Event], tmp_path: Path) -> None:
    assert written(tmp_path / "h", b"".join(map(encode, recorded))[:-1]) == recorded


def test_the_counts_of_a_killed_run_are_those_of_its_cases(recorded: list[Event], tmp_path: Path) -> None:
    *_, end = written(tmp_path / "h", b"".join(map(encode, recorded[:-1])))
    assert isinstance(end, RunFinished)
    assert isinstance(recorded[-1], RunFinished)
    assert end.counts == recorded[-1].counts


def test_a_damaged_middle_line_is_a_usage_error_with_its_number(recorded: list[Event], tmp_path: Path) -> None:
    lines = [encode(event) for event in recorded]
    lines[3] = lines[3][: len(lines[3]) // 2] + b"\n"
    with pytest.raises(UsageError, match="line 4 is no event of a run"):
        written(tmp_path / "h", b"".join(lines))


def test_what_is_judged_again_by_the_same_laws_is_the_same(recorded: list[Event], tmp_path: Path) -> None:
    events = written(tmp_path / "h", b"".join(map(encode, recorded)))
    assert list(judged_again(events, catalog.laws())) == recorded
