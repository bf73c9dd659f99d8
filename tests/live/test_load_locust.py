"""Locust's own processes with our users: a master and two workers, and what the laws say of their calls.

Locust is in an environment of its own (``make setup-locust``): see there why.
"""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from live.pages import ROOT, blocks
from live.running import served
from live.toxiproxies import TOOLS, free_port

LOCUST = TOOLS / "locust" / "bin" / "locust"
SECONDS = 90
PAGE = ROOT / "docs" / "load.md"
LIAR = """
from harness.load.users import StreamUser
from harness.model import Finished, Outcome, Shown


class Liar(StreamUser):
    mix = "mix.toml"

    def calling(self, job):
        yield Shown(text="Once upon")
        for one in super().calling(job):
            pass
        yield Finished(outcome=Outcome.COMPLETE)
"""
pytestmark = pytest.mark.skipif(not LOCUST.exists(), reason="NOT TESTED: Locust is not here; make setup-locust")


@pytest.fixture
def host() -> Iterator[str]:
    with served() as base:
        yield base.removesuffix("/case")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for block in blocks(PAGE):
        if block.file in ("locustfile.py", "mix.toml"):
            (tmp_path / block.file).write_text(block.text, "utf-8")
    (tmp_path / "liar.py").write_text(LIAR, "utf-8")
    return tmp_path


def locust(home: Path, *words: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [LOCUST, *words], cwd=home, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_master_and_two_workers_make_calls_whose_times_and_verdicts_locust_has(home: Path, host: str) -> None:
    port = str(free_port())
    there = ("--master-host", "127.0.0.1", "--master-port", port)
    here = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port)
    lasts = ("--users", "4", "--spawn-rate", "4", "--run-time", "6s", "--csv", "stats")
    with ExitStack() as stack:
        workers = [
            stack.enter_context(locust(home, "-f", "locustfile.py", "--host", host, "--worker", *there))
            for _ in range(2)
        ]
        main = ("-f", "locustfile.py", "--host", host, "--headless", "--master", "--expect-workers", "2")
        master = stack.enter_context(locust(home, *main, *here, *lasts))
        try:
            told, _ = master.communicate(timeout=SECONDS)
        finally:
            for one in (master, *workers):
                one.kill()
        said = [worker.communicate(timeout=SECONDS)[0] for worker in workers]
    assert master.returncode == 0, told
    assert "2 workers connected" in told
    assert "Traceback" not in told + "".join(said)
    counts = {(row["Type"], row["Name"]): int(row["Request Count"]) for row in rows(home / "stats_stats.csv")}
    streams = sum(count for (kind, _), count in counts.items() if kind == "stream")
    assert streams >= 4
    assert sum(count for (kind, _), count in counts.items() if kind == "ttft") >= streams / 2
    assert rows(home / "stats_failures.csv") == []


def test_a_call_that_breaks_a_law_is_a_failure_for_locust_with_the_law_in_its_message(home: Path, host: str) -> None:
    words = ("-f", "liar.py", "--host", host, "--headless", "--users", "1", "--run-time", "3s", "--csv", "stats")
    with locust(home, *words) as process:
        try:
            told, _ = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert process.returncode == 1, told
    failures = rows(home / "stats_failures.csv")
    assert failures, told
    assert all(row["Method"] == "stream" and "LawBroken" in row["Error"] and "SP" in row["Error"] for row in failures)
