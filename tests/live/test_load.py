"""A load on real sockets: no call is lost, no socket leaks, thresholds decide, and Ctrl-C ends it in order."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from live.pages import ROOT, blocks
from live.running import STREAMPROOF, served
from live.terminals import environment, piped, terminal
from live.test_harness_metrics_live import METRICS, exposed, scraped, values

from harness import journal
from harness.events import CaseFinished, RunFinished, RunStarted

QUICK = """
pace = 0
patience = 3
[weights]
"completion.plain" = 2
"cutoff.clean_end_mid_text" = 1
"cutoff.reset_mid_text" = 1
"""
SLOW = """
pace = 0.1
[weights]
"completion.plain" = 1
"""
EVERY = """
pace = 0.1
patience = 3
[weights]
"" = 1
"""
LEAKS = """
import socket

from harness.adapters.naive import NaiveAdapter

KEPT = []


class Leaking(NaiveAdapter):
    name = "leaking"

    async def run(self, job):
        KEPT.append(socket.socket())
        async for one in super().run(job):
            yield one


class Quiet(NaiveAdapter):
    name = "quiet"

    async def run(self, job):
        from harness.model import Finished, Shown

        text = ""
        async for one in super().run(job):
            text += one.text if isinstance(one, Shown) else ""
            if isinstance(one, Finished):
                yield Finished(outcome=one.outcome, text=text, error=one.error)


LEAKING, QUIET = Leaking(), Quiet()
"""
TOLERANT = ("--threshold", "unknown<=100%")
"""Whatever else this machine does: what came too late proves nothing."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "quick.toml").write_text(QUICK, "utf-8")
    (tmp_path / "slow.toml").write_text(SLOW, "utf-8")
    (tmp_path / "wrong.toml").write_text("pace = 'slow'", "utf-8")
    (tmp_path / "mine.py").write_text(LEAKS, "utf-8")
    return tmp_path


def load(home: Path, *words: str, mix: str = "quick.toml", **variables: str) -> subprocess.CompletedProcess[str]:
    return piped(home, "load", "--mix", mix, "--seed", "5", *words, PYTHONPATH=_with(home), **variables)


def _with(home: Path) -> str:
    return os.pathsep.join([str(home), os.environ.get("PYTHONPATH", "")])


def summary(home: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((home / "reports" / "out" / "load.json").read_text("utf-8"))
    return told


def test_a_load_ends_with_a_verdict_for_each_call_and_no_socket_left(home: Path) -> None:
    done = load(home, "--streams", "8", "--for", "2s", *TOLERANT, "--html", "load.html")
    assert done.returncode == 0, done.stdout + done.stderr
    told = summary(home)
    assert sum(told["verdicts"].values()) == told["numbers"]["calls"] > 8
    assert (told["verdicts"]["fail"], told["numbers"]["lost"], told["numbers"]["leaked"]) == (0, 0, 0)
    assert told["numbers"]["ttft"]["count"] > 8
    assert told["numbers"]["retries"] > 0
    assert 0 < told["numbers"]["memory"] < 500
    assert re.search(r"calls +[\d,]+: [\d,]+ passed, 0 failed", done.stdout)
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "default-src" in (home / "load.html").read_text("utf-8")


def test_a_client_that_fails_is_told_by_law_with_its_commands_and_its_histories(home: Path) -> None:
    done = load(home, "--client", "naive", "--streams", "4", "--for", "2s", *TOLERANT)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "streamproof replay cutoff.clean_end_mid_text@naive:5" in done.stdout
    assert "not kept: failed==0" in done.stdout
    first, *cases, last = journal.read(home / "reports" / "out" / "load.jsonl")
    assert isinstance(first, RunStarted)
    assert isinstance(last, RunFinished)
    assert {one.case for one in cases if isinstance(one, CaseFinished)} >= {"cutoff.clean_end_mid_text@naive:5"}
    again = piped(home, "report", "marks", "reports/out/load.jsonl")
    assert "cutoff.clean_end_mid_text" in again.stdout


def test_a_threshold_that_is_crossed_is_status_1_and_one_that_cannot_be_told_is_3(home: Path) -> None:
    crossed = load(home, "--streams", "2", "--for", "1s", *TOLERANT, "--threshold", "ttft.p50<0.001ms")
    assert crossed.returncode == 1
    assert "✗ ttft.p50<0.001ms" in crossed.stdout
    quiet = ("--client", "mine:QUIET", "--threshold", "failed<=100%", "--threshold", "ttft.p95<1s")
    unknown = load(home, "--streams", "2", "--for", "1s", *TOLERANT, *quiet)
    assert unknown.returncode == 3, unknown.stdout
    assert "ttft        unknown: this client showed no text while it came" in unknown.stdout
    assert "? ttft.p95<1s  (unknown)" in unknown.stdout


def test_sockets_that_stay_open_are_told(home: Path) -> None:
    about = ("--client", "mine:LEAKING", "--threshold", "failed<=100%", "--threshold", "leaked==0")
    done = load(home, "--streams", "2", "--for", "1s", *TOLERANT, *about)
    assert done.returncode == 1
    assert re.search(r"[1-9]\d* leaked", done.stdout)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--for", "soon"), "--for 'soon': expected a time"),
        (("--threshold", "speed>1"), "no measure named 'speed'"),
        (("--mix", "nowhere.toml"), "cannot read nowhere.toml"),
        (("--mix", "wrong.toml"), "wrong.toml: pace is 'slow'; it must be a number"),
        (("--client", "nobody"), "no client named 'nobody'"),
        (("--client", "bundled_chat", "--url", "http://127.0.0.1:9"), "--url is asked for messages"),
        (("--url", "nonsense"), "nonsense"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is(home: Path, words: tuple[str, ...], why: str) -> None:
    done = load(home, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert why in done.stderr


def test_more_streams_than_this_system_has_files_for_are_refused_with_the_way_out(home: Path) -> None:
    command = f"ulimit -Sn 300; ulimit -Hn 400; {STREAMPROOF} load --streams 200 --for 1s --processes 1"
    done = subprocess.run(["bash", "-c", command], cwd=home, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    assert "a process may have files for 37 streams here, and not for 200: more --processes" in done.stderr


def test_several_processes_share_the_streams_and_what_they_count_is_added(home: Path) -> None:
    done = load(home, "--streams", "6", "--for", "2s", "--processes", "2", *TOLERANT)
    assert done.returncode == 0, done.stdout + done.stderr
    told = summary(home)
    assert (told["processes"], told["streams"]) == (2, 6)
    assert told["numbers"]["calls"] > 6
    assert (told["numbers"]["lost"], told["numbers"]["leaked"]) == (0, 0)
    assert max(one["open"] for one in told["over_time"]) <= 6


@contextmanager
def running(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A load that has begun calls, of which all are slow."""
    command = [
        STREAMPROOF,
        "load",
        "--mix",
        "slow.toml",
        "--for",
        "1h",
        "--ramp",
        "100ms",
        "--log-format",
        "json",
        *words,
    ]
    with subprocess.Popen(
        [*command, "--metrics-port", "0"],
        cwd=home,
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "metrics are exposed" in line)
            url = json.loads(line)["fields"]["url"]
            while values(scraped(url)).get("streamproof_load_streams{client=bundled}", 0) < 1:
                assert process.poll() is None
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_ctrl_c_lets_calls_come_to_their_end_and_prints_the_summary(home: Path, processes: str) -> None:
    with running(home, "--streams", "4", "--processes", processes) as process:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert re.search(r"calls +[1-4]: \d passed, 0 failed, \d unknown, 0 lost$", out, re.MULTILINE), out
    assert "interrupted: " in out.splitlines()[-1]
    assert summary(home)["is_interrupted"] is True


def test_the_second_ctrl_c_drops_them_and_they_are_counted(home: Path) -> None:
    with running(home, "--streams", "4", "--processes", "1") as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert next(line for line in process.stderr if "another Ctrl-C drops them" in line)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert re.search(r"\d cut$", out, re.MULTILINE), out


def test_no_process_outlives_the_one_that_started_it(home: Path) -> None:
    with running(home, "--streams", "4", "--processes", "2") as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()
        handles = [os.pidfd_open(int(child)) for child in children]
        assert len(handles) == 2
        process.kill()
        process.communicate(timeout=60)
    for handle in handles:
        assert select.select([handle], [], [], 30)[0], "it goes on"
        os.close(handle)


def test_metrics_tell_how_a_load_stands(home: Path) -> None:
    with exposed(home, "load", "--mix", "quick.toml", "--for", "1h", "--streams", "2", *TOLERANT) as running_:
        url = running_.line(METRICS)
        told = values(running_.until(url, "streamproof_load_calls_total{client=bundled,verdict=pass}", 2))
        running_.end()
    assert told["streamproof_load_lost_calls_total{client=bundled}"] == 0
    assert told["streamproof_load_requests_total{client=bundled}"] >= 2
    assert "streamproof_load_seconds{client=bundled,measure=ttft,quantile=0.95}" in told


def test_in_a_terminal_it_shows_how_it_stands_and_at_the_end_the_summary_alone(home: Path) -> None:
    with terminal(
        home, "load", "--mix", "quick.toml", "--for", "3s", "--streams", "2", "--ramp", "10ms", *TOLERANT
    ) as screen:
        screen.until("of 0:03")
        assert screen.end() == 0
    assert not any("of 0:03" in line for line in screen.lines)
    assert any("all thresholds were kept" in line for line in screen.lines)


def test_a_server_that_is_not_ours_is_asked_through_the_faults_and_its_text_is_not_judged(home: Path) -> None:
    with served() as base:
        url = f"{base}/completion.plain~load"
        done = load(home, "--url", url, "--streams", "3", "--for", "2s", *TOLERANT, ANTHROPIC_API_KEY="sk-nobody")
    assert done.returncode == 0, done.stdout + done.stderr
    told = summary(home)
    assert told["server"] == url
    assert told["verdicts"]["pass"] > 3
    assert told["numbers"]["retries"] > 0
    assert told["numbers"]["completion"] > 0.5
    assert "sk-nobody" not in done.stdout + done.stderr + (home / "reports/out/load.json").read_text("utf-8")


def test_the_soak_of_the_page_is_that_of_make() -> None:
    (shown,) = (one for one in blocks(ROOT / "docs" / "load.md") if one.file == "soak.toml")
    assert shown.text == (ROOT / "tests" / "soak.toml").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.load
def test_a_hundred_streams_that_meet_every_fault_lose_no_verdict_and_no_socket(home: Path) -> None:
    (home / "every.toml").write_text(EVERY, "utf-8")
    words = ("--mix", "every.toml", "--seed", "5", "--streams", "100", "--for", "20s", "--threshold", "leaked==0")
    command = [STREAMPROOF, "load", *words, *TOLERANT]
    done = subprocess.run(command, cwd=home, env=environment({}), capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    told = summary(home)
    assert (told["numbers"]["lost"], told["numbers"]["leaked"], told["verdicts"]["fail"]) == (0, 0, 0)
    assert sum(told["verdicts"].values()) == told["numbers"]["calls"] > 100
    assert len(told["mix"]) > 60
