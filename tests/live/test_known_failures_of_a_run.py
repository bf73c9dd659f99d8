"""`streamproof run --expect`, `--write-expect`, `--tries`, and `streamproof compare`, as their user meets them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from live.running import STREAMPROOF

from harness import catalog
from harness.expectations import parse

PAGE = (Path(__file__).parents[2] / "docs" / "known_failures.md").read_text("utf-8")

CLIENTS = """
from harness.adapters.naive import NaiveAdapter
from harness.model import Finished


class Moody(NaiveAdapter):
    name, calls = "moody", 0

    async def run(self, job):
        self.calls += 1
        is_bad = self.calls == 1
        async for seen in super().run(job):
            if not is_bad or isinstance(seen, Finished):
                yield seen


class Crashing(NaiveAdapter):
    async def run(self, job):
        raise RuntimeError("the adapter is broken")
        yield


moody, crashing = Moody(), Crashing()
"""
BAD, GOOD = "cutoff.clean_end_mid_text", "completion.plain"
BOTH = f"{BAD} or {GOOD}"
ENTRY = '[naive."{scenario}"]\nlaw = "{law}"\nreason = "they read over a clean end"\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(CLIENTS, "utf-8")
    return tmp_path


def streamproof(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(home)}
    return subprocess.run([STREAMPROOF, *args], cwd=home, env=env, capture_output=True, text=True, timeout=60)


def run(home: Path, *args: str, select: str = BOTH, client: str = "naive") -> subprocess.CompletedProcess[str]:
    return streamproof(home, "run", "-k", select, "--client", client, "--seed", "7", *args)


def known(home: Path, scenario: str = BAD, law: str = "SP02") -> Path:
    path = home / "known.toml"
    path.write_text(ENTRY.format(scenario=scenario, law=law), "utf-8")
    return path


def test_what_was_written_down_once_is_expected_the_next_time(home: Path) -> None:
    first = run(home, "--write-expect", "ci/known.toml")
    assert first.returncode == 1
    assert (
        "written: ci/known.toml: 1 added, 0 dropped that pass now; 1 in all, 1 of them without a reason" in first.stderr
    )
    (entry,) = tomllib.loads((home / "ci" / "known.toml").read_text("utf-8"))["naive"].items()
    assert (entry[0], entry[1]["law"], entry[1]["reason"]) == (BAD, "SP02", "TODO")
    second = run(home, "--expect", "ci/known.toml")
    assert second.returncode == 0
    assert "known failures: 1 failed as known, 1 without a reason" in second.stdout


def test_a_failure_that_is_not_in_the_file_fails_the_run(home: Path) -> None:
    (home / "known.toml").write_text("", "utf-8")
    assert run(home, "--expect", "known.toml").returncode == 1


def test_an_entry_that_passes_fails_the_run_and_is_dropped_from_the_file(home: Path) -> None:
    known(home, GOOD)
    done = run(home, "--expect", "known.toml", "--write-expect", "known.toml", select=GOOD)
    assert done.returncode == 1
    assert "known to fail by SP02, and passes now: remove its entry" in done.stdout
    assert (home / "known.toml").read_text("utf-8") == ""


def test_an_entry_of_another_law_does_not_excuse_a_failure(home: Path) -> None:
    known(home, law="SP03")
    done = run(home, "--expect", "known.toml")
    assert done.returncode == 1
    assert "known to fail by SP03; this is another failure" in done.stdout


def test_entries_outside_of_the_selection_are_left_alone(home: Path) -> None:
    path = known(home)
    before = path.read_text("utf-8")
    done = run(home, "--expect", "known.toml", "--write-expect", "known.toml", select=GOOD)
    assert (done.returncode, path.read_text("utf-8")) == (0, before)
    assert "known failure" not in done.stdout


def test_an_entry_whose_case_is_unknown_is_neither_confirmed_nor_refuted(home: Path) -> None:
    path = known(home)
    before = path.read_text("utf-8")
    done = run(home, "--expect", "known.toml", "--write-expect", "known.toml", select=BAD, client="mine:crashing")
    assert (done.returncode, path.read_text("utf-8")) == (3, before)
    assert "1 neither confirmed nor refuted" in done.stdout


@pytest.mark.parametrize(("gate", "status"), [("naive", 1), ("bundled", 0)])
def test_only_the_entries_of_the_client_at_the_gate_decide(home: Path, gate: str, status: int) -> None:
    known(home, GOOD)
    done = run(home, "--client", "bundled", "--gate", gate, "--expect", "known.toml", select=GOOD)
    assert done.returncode == status


def test_a_client_that_is_not_in_the_run_is_noted_with_the_close_matches(home: Path) -> None:
    known(home).write_text(ENTRY.format(scenario=BAD, law="SP02").replace("naive", "naiv"), "utf-8")
    done = run(home, "--expect", "known.toml")
    assert done.returncode == 1
    assert "note: known.toml: no client in this run named 'naiv'; did you mean naive? (1 left alone)" in done.stderr


@pytest.mark.parametrize(
    ("content", "options", "complaint"),
    [
        (
            ENTRY.format(scenario="cutof.fin_mid_text", law="SP02"),
            ("--expect", "known.toml"),
            "mean cutoff.fin_mid_text",
        ),
        (
            ENTRY.format(scenario="cutof.fin", law="SP02"),
            ("--write-expect", "known.toml"),
            "no scenario named 'cutof.fin'",
        ),
        ("law\n", ("--expect", "known.toml"), "known.toml is no TOML"),
        ("\udcff", ("--expect", "known.toml"), "cannot read known.toml: it is not UTF-8"),
        ("", ("--expect", "missing.toml"), "cannot read missing.toml: No such file"),
        ("", ("--write-expect", "/proc/no/known.toml"), "cannot write /proc/no/known.toml"),
        ("", ("--tries", "0"), "--tries"),
        ("", ("--tries", "2", "--tier", "sim"), "leave out --tries or --tier sim"),
    ],
)
def test_a_wrong_file_or_option_ends_before_anything_runs(
    home: Path, content: str, options: tuple[str, ...], complaint: str
) -> None:
    (home / "known.toml").write_bytes(content.encode("utf-8", "surrogateescape"))
    done = run(home, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr
    assert not (home / "reports").exists()


def test_a_flaky_case_is_a_failure_and_every_report_of_the_history_says_that_it_is_flaky(home: Path) -> None:
    done = run(home, "--tries", "3", select=GOOD, client="mine:moody")
    assert done.returncode == 1
    assert "1 of 1 cases" in done.stdout
    assert "; 1 flaky; seed 7" in done.stdout
    for name in ("console", "html", "junit", "markdown"):
        for again in ((), ("--rejudge",)):
            report = streamproof(home, "report", name, "reports/out/history.jsonl", *again)
            assert (report.returncode, report.stderr) == (0, "")
            assert "flaky" in report.stdout


def test_a_case_that_was_tried_again_is_replayed_as_any_other(home: Path) -> None:
    done = run(home, "--tries", "2", select=BAD)
    assert "the same in each of 2 tries" in done.stdout
    assert f"streamproof replay {BAD}@naive:7" in done.stdout
    assert streamproof(home, "replay", f"{BAD}@naive:7").returncode == 1


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of two clients, and one of which every case is unknown."""
    home = tmp_path_factory.mktemp("runs")
    (home / "mine.py").write_text(CLIENTS, "utf-8")
    run(home, "--client", "bundled", "--report", "jsonl=two#runs.jsonl")
    run(home, "--report", "jsonl=unknown.jsonl", client="mine:crashing")
    return home


@pytest.mark.parametrize(
    ("before", "after", "status", "line"),
    [
        ("two#runs.jsonl", "two#runs.jsonl", 0, "naive: 0 of 2 scenarios changed, 0 for the worse"),
        (
            "two#runs.jsonl#naive",
            "two#runs.jsonl#bundled",
            0,
            "naive → bundled: 1 of 2 scenarios changed, 0 for the worse",
        ),
        ("two#runs.jsonl#bundled", "two#runs.jsonl#naive", 1, "newly failing (1)"),
        ("two#runs.jsonl#bundled", "unknown.jsonl", 3, "newly unknown (2)"),
    ],
)
def test_two_runs_are_compared_and_the_exit_status_says_whether_it_got_worse(
    runs: Path, before: str, after: str, status: int, line: str
) -> None:
    done = streamproof(runs, "compare", before, after)
    assert (done.returncode, done.stderr) == (status, "")
    assert line in done.stdout


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("missing.jsonl#naive", "unknown.jsonl", "cannot read missing.jsonl: No such file"),
        ("two#runs.jsonl#naiv", "unknown.jsonl", "no client in two#runs.jsonl named 'naiv'; did you mean naive?"),
        ("mine.py", "unknown.jsonl", "mine.py, line 2 is no event of a run"),
    ],
)
def test_what_cannot_be_compared_exits_with_2(runs: Path, before: str, after: str, complaint: str) -> None:
    done = streamproof(runs, "compare", before, after)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr


def test_the_commands_of_the_page_end_as_it_says(tmp_path: Path) -> None:
    lines = "".join(re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)).splitlines()
    assert len(lines) > 5
    for line in lines:
        command, _, status = line.partition("  # exit ")
        done = streamproof(tmp_path, *shlex.split(command)[1:])
        assert (line, done.returncode) == (line, int(status or 0)), done.stderr


def test_the_file_on_the_page_is_one() -> None:
    (file,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    known = parse(file, "the page")
    known.check_scenarios(catalog.scenarios(), "recorded", "the page")
    assert [entry.flaky for entry in known.entries.values()] == [False, True]
