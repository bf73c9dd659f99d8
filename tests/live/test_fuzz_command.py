"""``streamproof fuzz``, as its user meets it: what it finds, writes down and prints, and its exit status."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from fake_server.answer import Answer
from fake_server.script import script
from harness import catalog, confirm, findings, hunt, recorded
from harness.campaign import Campaign, Tally
from harness.confirm import Confirmed
from harness.errors import UsageError
from harness.events import CaseFinished
from harness.findings import Hunted
from harness.fuzz import Failure, Shard, explore
from harness.model import Expect, Scenario
from harness.plan import PlannedCase
from harness.progress import journal_of
from harness.verdict import Verdict
from harness.workers import cluster

SCRIPT = Path(sys.executable).with_name("streamproof")
TESTS = Path(__file__).parents[1]
ENV = {**os.environ, "PYTHONPATH": str(TESTS), "COLUMNS": "200"}
CLIENT = "breaking:first_text"
ENDLESS = Campaign(client=CLIENT, seed="1")
JOURNAL = Path("reports/out/fuzz/first-text-1.jsonl")
PLAIN = replace(
    Scenario(name="plain", title="It is plain.", script=script(Answer(sentences=1)), expect=Expect()), family="fuzz"
)
FAILURE = Failure(
    code="SP03/complete", harm="half of it", scenario=PLAIN, shard=Shard(client=CLIENT, seed="1", number=0)
)


def streamproof(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, *args], cwd=home, env=ENV, capture_output=True, text=True, timeout=100)


def fuzz(home: Path, *args: str, client: str = CLIENT) -> subprocess.CompletedProcess[str]:
    return streamproof(home, "fuzz", "--client", client, "--seed", "1", "--record", "mine", *args)


def commands(printed: str, name: str) -> list[list[str]]:
    """The printed commands of this name, as a shell takes them apart."""
    return [shlex.split(line)[1:] for line in printed.splitlines() if line.strip().startswith(name)]


def recorded_in(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "mine").iterdir()}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A campaign that found something, and where it did."""
    home = tmp_path_factory.mktemp("found")
    return home, fuzz(home, "--examples", "30")


# ---- what it finds


def test_what_is_found_is_told_shrunk_and_is_a_failure(found: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    home, done = found
    assert done.returncode == 1
    assert re.search(r"30 cases; \d+ kinds of fault struck", done.stdout)
    assert re.search(r"^✗ SP0[23]/complete  the ", done.stdout, re.MULTILINE)
    assert re.fullmatch(r"seed 1: \d failures of breaking:first_text\n", done.stderr)
    ((step,), *_) = [recorded.read(path).script.steps for path in sorted((home / "mine").iterdir())]
    assert isinstance(step, Answer)
    assert (step.sentences, len(step.faults) <= 1) == (1, True)


def test_every_printed_replay_shows_the_failure_again(found: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    home, done = found
    replays = commands(done.stdout, "streamproof replay")
    assert len(replays) == len(recorded_in(home))
    again = streamproof(home, *replays[0])
    assert again.returncode == 1, again.stderr
    assert re.search(r"^SP0[23] fail", again.stdout, re.MULTILINE)


def test_the_written_test_fails_until_the_client_is_mended(
    found: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    home, done = found
    ((path,), *_) = commands(done.stdout, "pytest")
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", path]
    before = subprocess.run(pytest_, cwd=home, env=ENV, capture_output=True, text=True, timeout=60)
    assert (before.returncode, "of the answer" in before.stdout) == (1, True), before.stdout
    mended = (home / path).with_name("test_mended.py")
    mended.write_text((home / path).read_text("utf-8").replace(CLIENT, "bundled"), "utf-8")
    after = subprocess.run([*pytest_[:-1], str(mended)], cwd=home, env=ENV, capture_output=True, text=True, timeout=60)
    assert after.returncode == 0, after.stdout


def test_the_printed_serve_says_what_the_case_said(found: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    home, done = found
    with subprocess.Popen(
        [SCRIPT, *commands(done.stdout, "streamproof serve")[0]], cwd=home, env=ENV, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            url = next(match[1] for line in server.stdout if (match := re.search(r"base URL: (\S+)", line)))
            body = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
            headers = {"x-api-key": "any", "anthropic-version": "2023-06-01"}
            said = httpx.post(f"{url}/v1/messages", json=body, headers=headers, timeout=10).text
        finally:
            server.send_signal(signal.SIGINT)
    scenario = recorded.read(home / "mine" / min(recorded_in(home)))
    (text,) = scenario.texts("fuzz/fuzz")
    assert json.dumps(text.split()[0], ensure_ascii=False)[1:-1] in said


def test_a_recorded_file_can_be_run_and_shown_by_its_path(
    found: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    home, _ = found
    path = f"mine/{min(recorded_in(home))}"
    assert streamproof(home, "run", "-k", path, "--client", "bundled").returncode == 0
    assert "Found by fuzzing" in streamproof(home, "show", path).stdout
    missing = streamproof(home, "show", "mine/missing.json")
    assert (missing.returncode, "cannot be read" in missing.stderr) == (2, True)


def test_two_processes_find_and_write_what_one_does(
    tmp_path: Path, found: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    again = fuzz(tmp_path, "--examples", "30", "--jobs", "2")
    assert again.returncode == 1
    assert recorded_in(tmp_path) == recorded_in(found[0])


def test_a_campaign_that_is_done_can_be_run_again(found: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    home, first = found
    again = fuzz(home, "--examples", "30")
    assert (again.returncode, again.stdout) == (1, first.stdout)


def test_a_client_without_faults_passes(tmp_path: Path) -> None:
    done = fuzz(tmp_path, "--examples", "10", client="bundled")
    assert (done.returncode, done.stderr) == (0, "seed 1: 0 failures of bundled\n")
    assert recorded_in(tmp_path) == {}


def test_minutes_end_a_search(tmp_path: Path) -> None:
    began = time.monotonic()
    done = fuzz(tmp_path, "--minutes", "0.02", client="bundled")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 30


# ---- going on


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options(home: Path) -> hunt.Options:
    """A campaign of three shards."""
    return hunt.Options(campaign=Campaign(client=CLIENT, seed="1", examples=30, size=10), record=home / "mine")


def begin(home: Path, campaign: Campaign, name: str = "first-text") -> None:
    """Leave the first shard of a campaign as done; its number of cases shows that it was not run again."""
    first = explore(replace(next(campaign.shards()), examples=10))
    done = replace(first, shard=next(campaign.shards()), cases=1_010)
    journal_of(campaign, name, home / "reports" / "out" / "fuzz").add(done)


def hunted(asked: hunt.Options) -> tuple[Hunted, str]:
    """How it ended, and what was printed."""
    out = io.StringIO()
    return hunt.hunt(asked, Console(file=out, width=200)), out.getvalue()


def test_an_interrupted_campaign_goes_on_and_is_forgotten_when_it_is_done(here: Path) -> None:
    begin(here, options(here).campaign)
    end, printed = hunted(options(here))
    assert "\n1030 cases; " in printed
    assert (end.failures > 0, end.is_interrupted) == (True, False)
    assert not (here / JOURNAL).exists()


def test_fresh_begins_anew(here: Path) -> None:
    begin(here, options(here).campaign)
    _, printed = hunted(replace(options(here), fresh=True))
    assert "\n30 cases; " in printed


@contextmanager
def hunting(home: Path, client: str = CLIENT) -> Iterator[subprocess.Popen[str]]:
    """An endless search that has begun; killed if it is still there at the end."""
    command = [SCRIPT, "fuzz", "--client", client, "--seed", "1", "--minutes", "5", "--record", "mine"]
    with subprocess.Popen(
        command, cwd=home, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "seed 1; Ctrl-C ends the search\n"
            yield process
        finally:
            process.kill()


def test_ctrl_c_ends_the_search_and_what_was_found_is_still_shrunk_and_written(tmp_path: Path) -> None:
    begin(tmp_path, ENDLESS)
    with hunting(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert re.search(r"^✗ SP0[23]/complete  the ", printed, re.MULTILINE)
    assert re.fullmatch(r"seed 1: \d failures of breaking:first_text\n", errors)
    assert recorded_in(tmp_path)
    assert (tmp_path / JOURNAL).exists()


def test_ctrl_c_before_anything_was_found_leaves_it_unknown(tmp_path: Path) -> None:
    with hunting(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (3, "seed 1: 0 failures of breaking:first_text\n")
    assert printed.startswith("0 cases; ")


def test_a_second_ctrl_c_ends_everything_at_once(tmp_path: Path) -> None:
    """Its workers as well: they have its output open, which does not end before they do."""
    client = "breaking:hangs_on_sockets"
    begin(tmp_path, replace(ENDLESS, client=client), "hangs-on-sockets")
    with hunting(tmp_path, client) as process:
        assert process.stdout is not None
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline().startswith("1010 cases; ")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    # The standard library may go on about its own threads, which ended while it told them to.
    assert (process.returncode, errors.strip().partition("\n")[0]) == (130, "streamproof: interrupted")
    assert recorded_in(tmp_path) == {}
    assert (tmp_path / JOURNAL).with_name("hangs-on-sockets-1.jsonl").exists()


# ---- whom it blames


def test_what_does_not_come_again_on_sockets_is_told_as_the_simulators_fault(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def passes(case: PlannedCase) -> CaseFinished:
        return CaseFinished(case=case.id, scenario=case.scenario.id, client=CLIENT, verdict=Verdict.PASS)

    monkeypatch.setattr(confirm, "play", passes)
    end, printed = hunted(options(here))
    assert (end.failures, end.doubts > 0) == (0, True)
    told = (
        r"^\? (SP\d\d)/complete  a discrepancy of the simulator: fail \(.*\1.*\) in the simulation and pass on sockets$"
    )
    assert re.search(told, printed, re.MULTILINE)
    assert "✗" not in printed
    assert recorded_in(here) == {}
    assert list((here / findings.DOUBTFUL).glob("sp*.json"))


def test_what_would_take_long_on_sockets_is_not_played_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirm, "lasted", lambda scenario, adapter: 61.4)
    confirmed = confirm.confirm(FAILURE, catalog.adapter(CLIENT))
    assert confirmed.doubt == "not played on sockets, where it would take 61 s"


def test_a_client_that_does_not_do_the_same_twice_is_not_blamed() -> None:
    confirmed = confirm.confirm(FAILURE, catalog.adapter("bundled"))
    assert confirmed.doubt == "it did not come again in the simulation: the client does not do the same twice"


def test_a_failure_on_sockets_too_is_the_clients() -> None:
    assert confirm.confirm(FAILURE, catalog.adapter(CLIENT)).doubt == ""


# ---- wrong usage


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--client", "bundled_sync"), "can only be run on sockets, and a search needs a simulation"),
        (("--client", "bundled_chat"), "speaks openai_chat, and cases are drawn in the Messages API alone"),
        (("--client", "bundledd"), "did you mean bundled"),
        (("--shard", "0/3"), "--shard '0/3': expected I/N with I from 1 to N"),
        (("--shard", "4/3"), "--shard '4/3': expected I/N with I from 1 to N"),
        (("--shard", "x"), "--shard 'x': expected I/N with I from 1 to N"),
        (("--record", "/dev/null/x"), "cannot write into /dev/null/x: Not a directory"),
        (("--dask", "nonsense"), "--dask 'nonsense': expected tcp://HOST:PORT"),
        (("--dask", "tcp://127.0.0.1:{port}"), "no Dask scheduler at tcp://127.0.0.1:{port}: "),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = streamproof(tmp_path, "fuzz", "--examples", "10", *(one.format(port=port) for one in args))
    assert done.returncode == 2, done.stderr
    assert said.format(port=port) in done.stderr.splitlines()[-1]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'streamproof\[dask\]'"), cluster("tcp://127.0.0.1:1"):
        pass


# ---- what is printed of hostile texts


HOSTILE = '\x1b[31m[/x] [bold] \ud800 \u202e \x00 """ \\'


def test_a_hostile_finding_is_told_in_visible_characters(here: Path) -> None:
    failure = replace(FAILURE, code=f"SP02/{HOSTILE}", harm=HOSTILE)
    scenario = replace(PLAIN, name="sp02", title=HOSTILE)
    for doubt in ("", HOSTILE):
        out = io.StringIO()
        found = Confirmed(failure=failure, scenario=scenario, doubt=doubt)
        findings.tell(found, catalog.adapter(CLIENT), CLIENT, here / "mine", Console(file=out, width=200))
        assert out.getvalue().count(r"\x1b[31m[/x] [bold] \ud800 \u202e \x00") >= 3
    compile((here / findings.FOLDER / "test_sp02.py").read_text("utf-8"), "test_sp02.py", "exec")


def test_hostile_texts_stand_in_the_table_as_they_are(here: Path) -> None:
    tally = Tally(times=Counter({HOSTILE: 3}), failures={HOSTILE: replace(FAILURE, harm=HOSTILE)})
    out = io.StringIO()
    Console(file=out, width=200).print(hunt.summary(tally))
    assert out.getvalue().count(r"\x1b[31m[/x] [bold] \ud800 \u202e \x00") == 2
