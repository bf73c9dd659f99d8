"""How long the command line lets its user wait, and what a run of the catalogue takes, in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench.conftest import Target
from pytest_benchmark.fixture import BenchmarkFixture

from harness import catalog

STREAMPROOF = Path(sys.executable).with_name("streamproof")
SCENARIOS = 190
"""So many the target for a run is meant for; the catalogue has grown since."""
WHY = (
    "processor time of the machine that measures: the interpreter's own start is a part of it that nobody can take away"
)


STARTER = """
import json, os, sys, time
began = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
told = time.perf_counter() - began, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)
print(json.dumps(told), file=sys.stderr)
"""
"""Starts a command from a small process: to Linux, the most memory of one is at least that of who started it."""


def ran(*arguments: str, cwd: Path) -> tuple[float, float, int]:
    """Seconds, megabytes at most, and exit status of a command."""
    command = [sys.executable, "-S", "-c", STARTER, STREAMPROOF, *arguments]
    process = subprocess.run(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    seconds, megabytes, status = json.loads(process.stderr.splitlines()[-1])
    return seconds, megabytes, status


@pytest.mark.parametrize("command", ["--help", "list"])
def test_the_command_line_answers_at_once(
    benchmark: BenchmarkFixture, target: Target, tmp_path: Path, command: str
) -> None:
    rounds = 9 if benchmark.enabled else 1
    results = [ran(command, cwd=tmp_path) for _ in range(rounds)]
    benchmark.pedantic(ran, args=(command,), kwargs={"cwd": tmp_path}, rounds=1)
    assert {status for _, _, status in results} == {0}
    seconds = min(seconds for seconds, _, _ in results)
    target("harness", f"streamproof {command}, the best of {rounds}", seconds, at_most=0.3, unit="s", why=WHY)


def test_a_run_of_the_catalogue_is_soon_over(benchmark: BenchmarkFixture, target: Target, tmp_path: Path) -> None:
    select = () if benchmark.enabled else ("-k", "completion.plain")
    arguments = ("run", "--client", "bundled", "--seed", "1", *select)
    rounds = 3 if benchmark.enabled else 1
    results = [ran(*arguments, cwd=tmp_path) for _ in range(rounds)]
    benchmark.pedantic(ran, args=("--version",), kwargs={"cwd": tmp_path}, rounds=1)
    assert {status for _, _, status in results} <= {0, 3}  # the machine may have been late
    size = len(catalog.scenarios()) if benchmark.enabled else 1
    seconds = min(seconds for seconds, _, _ in results) * SCENARIOS / size
    target("harness", f"{SCENARIOS} of {size} scenarios live, bundled", seconds, at_most=10, unit="s")
    memory = max(memory for _, memory, _ in results)
    target("harness", f"memory of a run of {size} scenarios", memory, at_most=150, unit="MB")
