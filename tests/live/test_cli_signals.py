"""What is left when a run is interrupted, or killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lxml import etree

from harness.events import RunFinished
from harness.journal import read

SCRIPT = Path(sys.executable).with_name("streamproof")
HISTORY = "reports/out/history.jsonl"


@contextmanager
def running(home: Path, select: str, *, until: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run against naive, from its first event of the kind ``until`` on; killed if it is still there at the end."""
    command = [str(SCRIPT), "run", "--client", "naive", "-k", select, "--seed", "7"]
    command += ["--report", f"jsonl={HISTORY}", "--report", "jsonl=/dev/stdout", "--report", "console=console.txt"]
    with subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            while json.loads(process.stdout.readline())["event"] != until:
                pass
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("until", ["run_started", "case_started"])
def test_ctrl_c_ends_a_stalled_run_with_a_readable_history(tmp_path: Path, until: str) -> None:
    with running(tmp_path, "stall", until=until) as process:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    *_, end = read(tmp_path / HISTORY)
    assert isinstance(end, RunFinished)
    assert json.loads((tmp_path / HISTORY).read_bytes().splitlines()[-1])["event"] == "run_finished"
    assert end.interrupted
    assert (process.returncode, errors.splitlines()[1:]) == (3, [])
    assert errors.startswith(b"written: ")


def test_ctrl_c_keeps_what_was_finished_and_the_console_says_so(tmp_path: Path) -> None:
    with running(tmp_path, "completion.plain or stall.mid_text", until="case_finished") as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert "1 of 2 cases" in (tmp_path / "console.txt").read_text("utf-8")
    assert "interrupted" in (tmp_path / "console.txt").read_text("utf-8")


def test_a_failure_before_ctrl_c_is_still_a_failure(tmp_path: Path) -> None:
    with running(tmp_path, "cutoff.clean_end_mid_text or stall.mid_text", until="case_finished") as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 1


def test_a_killed_run_leaves_a_history_from_which_a_report_can_be_made(tmp_path: Path) -> None:
    with running(tmp_path, "completion.plain or stall.mid_text", until="case_finished") as process:
        process.kill()
        process.communicate(timeout=30)
    done = subprocess.run([SCRIPT, "report", "junit", HISTORY], cwd=tmp_path, capture_output=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, b"")
    (suite,) = etree.fromstring(done.stdout)
    assert [case.get("name") for case in suite.iter("testcase")] == ["plain"]
    *_, end = read(tmp_path / HISTORY)
    assert isinstance(end, RunFinished)
    assert end.interrupted
