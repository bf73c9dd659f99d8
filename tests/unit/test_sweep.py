"""Sweeps: what is in them, that they find what is wrong at one place only, and the command that runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
import swept as planted
from click.testing import CliRunner, Result

from fake_server import fault
from fake_server.faults.pause import Pause
from fake_server.position import AtByte
from harness import findings, sweeping
from harness.cli import cli
from harness.model import Scenario
from harness.states import Delivered
from harness.sweep import CUTS, Stream, Sweep, sensible, size_of, swept
from harness.sweeping import Chunk, Options, Swath, chunks, examine

STREAM = Stream(seed="7", size=1)
FEW = 64
"""Cases of a sweep in a test of the command: the first 16 bytes."""


def all_of(sweep: Sweep, stream: Stream = STREAM) -> Iterator[Scenario]:
    return (one.scenario for one in swept(sweep, stream, range(size_of(sweep, stream))))


def faults(scenario: Scenario) -> tuple[Any, ...]:
    step: Any = scenario.script.steps[0]
    return tuple(step.faults)


def examined(sweep: Sweep, numbers: range, client: str = "bundled") -> Swath:
    return examine(Chunk(sweep=sweep, stream=STREAM, client=client, numbers=numbers))


def test_the_stream_has_as_many_bytes_as_are_asked_for() -> None:
    assert Stream(seed="7", size=4096).body >= 4096
    assert Stream(seed="7", size=4096).wire > Stream(seed="7", size=4096).body > STREAM.body


def test_another_seed_is_another_story() -> None:
    assert Stream(seed="7").answer.texts("s") != Stream(seed="8").answer.texts("s")


def test_a_stream_is_split_once_at_every_byte_of_its_body_and_of_the_wire() -> None:
    splits = [faults(one)[0] for one in all_of(Sweep.SPLITS)]
    body = [one.at for one in splits if one.name == "split_at"]
    wire = [one.at for one in splits if one.name == "split_in_frame"]
    assert body == [AtByte(number) for number in range(1, STREAM.body)]
    assert wire == [AtByte(number) for number in range(1, STREAM.wire)]
    assert len(splits) == len(body) + len(wire)


def test_both_parts_of_a_split_are_two_reads() -> None:
    for scenario in all_of(Sweep.SPLITS):
        assert sum(one.seconds for one in faults(scenario) if hasattr(one, "seconds")) > 0
        assert all(one.at == faults(scenario)[0].at for one in faults(scenario) if isinstance(one, Pause))


def test_a_stream_is_cut_once_at_every_byte_in_each_of_the_four_ways() -> None:
    cuts = [(one.at.offset, type(one)) for scenario in all_of(Sweep.CUTS) for one in faults(scenario)]
    assert cuts == list(product(range(STREAM.body), CUTS))
    assert [kind.__name__ for kind in CUTS] == ["EndEarly", "CloseEarly", "ResetConnection", "StallForever"]


def test_every_two_kinds_of_fault_are_tried_in_every_state_and_no_case_comes_twice() -> None:
    pairs = [faults(one) for one in all_of(Sweep.PAIRS)]
    kinds = sorted(fault.kinds().values(), key=lambda kind: kind.__name__)
    wanted = {
        (sensible(one, state), sensible(two, state)) for one, two in combinations(kinds, 2) for state in Delivered
    }
    assert set(pairs) == wanted
    assert len(pairs) == len(wanted)


def test_names_and_what_happens_differ_from_case_to_case() -> None:
    for sweep in Sweep:
        scenarios = list(all_of(sweep))
        assert len({one.id for one in scenarios}) == len({str(one.script) for one in scenarios}) == len(scenarios)


def test_a_case_is_the_same_whichever_part_of_the_sweep_it_is_made_in() -> None:
    for sweep in Sweep:
        whole = [one.scenario for one in swept(sweep, STREAM, range(40))]
        assert [one.scenario for one in swept(sweep, STREAM, range(30, 40))] == whole[30:]


@pytest.mark.parametrize("sweep", Sweep)
def test_the_parts_of_a_sweep_are_all_of_it_in_its_order(sweep: Sweep) -> None:
    parts = chunks(Options(client="bundled", seed="7", size=1), sweep)
    assert [number for part in parts for number in part.numbers] == list(range(size_of(sweep, STREAM)))


@pytest.mark.parametrize("sweep", [Sweep.SPLITS, Sweep.CUTS])
def test_every_split_and_cut_strikes_and_the_bundled_client_stands_it(sweep: Sweep) -> None:
    numbers = range(0, size_of(sweep, STREAM), 29)
    swath = examined(sweep, numbers)
    assert (swath.cases, swath.unknown, swath.finds) == (len(numbers), 0, {})


@pytest.mark.slow
@pytest.mark.parametrize("sweep", Sweep)
def test_the_bundled_client_stands_all_of_a_sweep(sweep: Sweep) -> None:
    assert examined(sweep, range(size_of(sweep, STREAM))).finds == {}


def test_a_bug_at_one_byte_is_found_at_that_byte_in_each_kind_of_cut() -> None:
    swath = examined(Sweep.CUTS, range(FEW), "swept:ADAPTER")
    (find,) = swath.finds.values()
    assert find.at == [("bytes of the body", planted.AT)] * len(CUTS)
    assert find.failure.scenario.name == f"end_early_{planted.AT}"


def test_two_sweeps_find_the_same() -> None:
    assert examined(Sweep.CUTS, range(FEW), "swept:ADAPTER") == examined(Sweep.CUTS, range(FEW), "swept:ADAPTER")


def test_parts_put_together_are_the_whole() -> None:
    together = Swath()
    for numbers in (range(38), range(38, FEW)):
        together.add(examined(Sweep.CUTS, numbers, "swept:ADAPTER"))
    assert together == examined(Sweep.CUTS, range(FEW), "swept:ADAPTER")


# ---- the command


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command on the first cases of each sweep; files go into a folder of the test's own."""
    monkeypatch.setattr(sweeping, "size_of", lambda sweep, stream: FEW)
    monkeypatch.setattr(findings, "FOLDER", tmp_path / "fuzz")

    def invoke(*arguments: str) -> Result:
        command = ["sweep", *arguments, "--seed", "7", "--bytes", "1", "--record", str(tmp_path / "record")]
        return CliRunner().invoke(cli, command)

    return invoke


def test_all_three_sweeps_run_by_default(run: Any) -> None:
    result = run("--jobs", "2")
    assert result.exit_code == 0, result.output
    assert [line.partition(":")[0] for line in result.output.splitlines()[:3]] == ["splits", "cuts", "pairs"]
    assert "seed 7: 0 failures of bundled" in result.output


def test_a_failure_is_told_once_with_its_places_and_written_down(run: Any, tmp_path: Path) -> None:
    result = run("cuts", "--client", "swept:ADAPTER")
    assert result.exit_code == 1, result.output
    assert result.output.count("✗") == 1
    assert f"in 4 cases: bytes of the body {planted.AT} to {planted.AT};" in result.output
    (path,) = (tmp_path / "record").glob("*.json")
    assert f"at byte {planted.AT} of the body" in json.loads(path.read_text("utf-8"))["title"]
    assert f"{path}@planted-stops" in result.output.replace("\n", "")


def test_the_number_of_processes_changes_nothing(run: Any) -> None:
    one, two = (run("cuts", "--client", "swept:ADAPTER", "--jobs", jobs) for jobs in ("1", "2"))
    assert one.output == two.output


def test_an_interrupted_sweep_ends_and_says_how_far_it_came(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def at_once() -> Iterator[Any]:
        yield lambda: True

    monkeypatch.setattr(sweeping, "interrupts", at_once)
    result = run("cuts")
    assert result.exit_code == 3
    assert f"cuts: 0 of {FEW} cases" in result.output


def test_a_client_that_cannot_be_simulated_is_refused(run: Any) -> None:
    assert "needs a simulation" in str(run("cuts", "--client", "node").exception)
