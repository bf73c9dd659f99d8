"""`streamproof bench`: what it prints, keeps and compares, and its exit status. The page is docs/bench.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from live.pages import ROOT, blocks, run

from harness.bench import kept
from harness.bench.corpora import corpora
from harness.bench.measuring import Plan, measured
from harness.bench.parsers import OURS, ours, own
from harness.bench.results import Kind, Stage
from harness.bench.working import Died, Refused, TooSlow, Worker

SHORT = ("-k", OURS, "--chunking", "64KiB", "--rounds", "1", "--seconds", "0")
MINE = """
from client_under_test.sse import SseDecoder


def of_chunks(chunks):
    decoder = SseDecoder()
    for chunk in chunks:
        yield from decoder.feed(chunk)


class Mapped:
    def __init__(self):
        self._decoder = SseDecoder()

    def feed(self, data):
        return iter([{"event": one.name, "data": one.data, "id": one.last_id} for one in self._decoder.feed(data)])

    def close(self):
        return None


class Naive:
    def feed(self, data):
        return [("message", one.removeprefix(b"data: ")) for one in data.split(b"\\n\\n") if one]


class Raising(Naive):
    def feed(self, data):
        if b"tool_use" in data or b"message_start" in data:
            raise ValueError("too much for me")
        return super().feed(data)


class NoFeed:
    pass


class Mute:
    def feed(self, data):
        print("this is no answer")


class Odd:
    def feed(self, data):
        return [1]


class Deaf:
    def feed(self, data):
        return []


value = 3
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE, "utf-8")
    return tmp_path


def bench(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(home), str(ROOT)]), "COLUMNS": "80"}
    env |= {"STREAMPROOF_CLIENTS": str(home / "clients")}
    command = [sys.executable, "-m", "harness", "bench", *args]
    return subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, timeout=60)


def test_ours_is_right_at_every_stage_and_the_table_has_80_columns(home: Path) -> None:
    done = bench(home, *SHORT, "--corpus", "crlf")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"crlf · (\+? ?\w+)", done.stdout) == ["framing", "+ decode", "+ accumulate"]
    assert len(re.findall(r"^streamproof .* (\d+)/\1$", done.stdout, re.MULTILINE)) == 3
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("parser", ["mine:of_chunks", "mine:Mapped"])
def test_a_parser_of_ones_own_may_be_a_function_or_a_class_and_is_measured_at_every_stage(
    home: Path, parser: str
) -> None:
    done = bench(home, *SHORT, "--parser", parser)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(rf"^{parser} .*[0-9]±.* (\d+)/\1$", done.stdout, re.MULTILINE)) == 3


def test_a_wrong_parser_is_marked_its_cases_are_told_and_the_exit_status_says_so(home: Path) -> None:
    done = bench(home, *SHORT, "--parser", "mine:Naive", "--stage", "framing")
    assert done.returncode == 1, done.stderr
    assert re.search(r"^mine:Naive .*✗ .*\d/\d+✗$", done.stdout, re.MULTILINE)
    assert "✗ mine:Naive, text at 64KiB: it reads this corpus otherwise than it is" in done.stdout
    assert "✗ mine:Naive: WHATWG HTML 9.2.6: a name is for one event: of 'event:" in done.stdout


def test_a_parser_that_raises_is_told_and_has_no_speed(home: Path) -> None:
    done = bench(home, *SHORT, "--parser", "mine:Raising", "--stage", "framing")
    assert done.returncode == 1, done.stderr
    assert re.search(r"^mine:Raising +✗ +– .*✗$", done.stdout, re.MULTILINE)
    assert "it raised ValueError: too much for me" in done.stdout


@pytest.mark.parametrize(
    ("parser", "said"),
    [
        ("mine:NoFeed", "the class has no method feed(bytes)"),
        ("mine:Mute", "feed() returned None: it must return the events that the bytes complete"),
        ("mine:Odd", "an event must be (name, data), (name, data, id), a mapping"),
        ("mine:Deaf", "it found no event in b'event: greeting"),
        ("mine:value", "it is neither a class with feed(bytes) nor a function, but 3"),
        ("mine:Nobody", "there is no 'Nobody' in 'mine'"),
        ("nowhere:Parser", "it cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
    ],
)
def test_what_is_no_parser_is_refused_with_the_reason(
    home: Path, monkeypatch: pytest.MonkeyPatch, parser: str, said: str
) -> None:
    monkeypatch.chdir(home)
    named = own(parser)
    with Worker(named.command, named.variables) as worker, pytest.raises(Refused, match=re.escape(said)):
        worker.ask({"do": "check", "cases": "none"}, patience=20)


def test_a_process_that_is_too_slow_is_ended_and_started_anew_for_the_next_job(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    (home / "stream").write_bytes(b"data: {}\n\n" * 2)
    job = {"do": "time", "corpus": "stream", "sizes": 5, "stage": "framing"}
    named = own("mine:of_chunks")
    with Worker(named.command, named.variables) as worker:
        with pytest.raises(TooSlow, match=r"it took more than 0\.5 s"):
            worker.ask({**job, "seconds": 60}, patience=0.5)
        assert worker.ask({**job, "seconds": 0}, patience=20)["passes"] == 1


def test_a_process_that_dies_is_told_with_its_last_words() -> None:
    words = "import sys; print('{}'); sys.stdout.flush(); sys.stdin.readline(); sys.exit('no memory left')"
    with Worker([sys.executable, "-c", words], {}) as worker, pytest.raises(Died, match="ended: no memory left"):
        worker.ask({"do": "check"}, patience=20)


def test_a_name_that_is_none_is_wrong_usage(home: Path) -> None:
    done = bench(home, *SHORT, "--parser", "mine")
    assert (done.returncode, "a parser is named as module:attribute, not 'mine'" in done.stderr) == (2, True)


def test_a_parser_that_is_none_is_wrong_usage(home: Path) -> None:
    done = bench(home, *SHORT, "--parser", "mine:NoFeed")
    assert (done.returncode, "mine:NoFeed is no parser: the class has" in done.stderr) == (2, True)


def test_what_is_not_installed_is_told_with_a_count_and_how_to_get_it(home: Path) -> None:
    done = bench(home, *SHORT, "-k", f"{OURS} or assel or eventsource", "--stage", "framing")
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert "NOT COMPARED with assel: its packages are not installed: streamproof bench --install" in told
    assert "NOT COMPARED with eventsource-parser: " in told
    assert "2 of 3 were not there" in told


def test_a_parser_of_others_that_cannot_run_is_away_and_the_rest_is_measured(home: Path) -> None:
    made = own("mine:NoFeed")
    broken = replace(made, name="broken", kind=Kind.PEER, variables={"PYTHONPATH": str(home)})
    plan = Plan(
        parsers=[broken, ours()], corpora=[corpora()["text"]], chunkings=["64KiB"], stages=[Stage.FRAMING], seconds=0
    )
    found = measured(replace(plan, rounds=1, checks=False))
    assert [(one.name, one.why) for one in found.away] == [
        ("broken", "is no parser: the class has no method feed(bytes)")
    ]
    assert [(one.parser, len(one.seconds)) for one in found.cells] == [(OURS, 1)]


def test_a_run_is_added_to_its_history_compared_with_the_one_before_and_drawn(home: Path) -> None:
    kept_in = ("--json", "runs.jsonl", "--stage", "framing", "-k", f"{OURS} or split")
    assert bench(home, *SHORT, *kept_in).returncode == 0
    done = bench(home, *SHORT, *kept_in, "--compare", "runs.jsonl", "--html", "page.html")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^since 20\d\d-.*each beside a parser in the same run:\nstreamproof: ", done.stdout, re.MULTILINE)
    assert len((home / "runs.jsonl").read_bytes().splitlines()) == 2
    assert [one.name for one in kept.last(home / "runs.jsonl").entrants] == [OURS, "bytes.split"]
    assert "<svg" in (home / "page.html").read_text("utf-8")


def test_what_the_page_shows_of_ones_own_parser_is_printed(tmp_path: Path) -> None:
    shown = [one for one in blocks(ROOT / "docs" / "bench.md") if one.file == "my_parser.py" or "--parser" in one.text]
    assert run([replace(one, what="") for one in shown], tmp_path, "") == 2
