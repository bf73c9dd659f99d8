"""The command line, as its user meets it: what it prints, what it writes, and its exit status."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

SCRIPT = Path(sys.executable).with_name("streamproof")
CLIENTS = """
import asyncio

from harness.adapters.naive import NaiveAdapter
from harness.model import Policy


class Crashing:
    name, version, policy, capabilities = "crashing", "1", Policy.RAISE, frozenset()

    async def run(self, job):
        raise RuntimeError("the adapter is broken")
        yield


class Hostile(NaiveAdapter):
    name = "<b>[/x]|`"


crashing, hostile, twin = Crashing(), Hostile(), NaiveAdapter()
incomplete = object()
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory to work in, with a module of clients that can be imported."""
    (tmp_path / "mine.py").write_text(CLIENTS, "utf-8")
    return tmp_path


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of the history of a run with a pass and a failure."""
    home = tmp_path_factory.mktemp("recorded")
    run(home, select="completion.plain or cutoff.clean_end_mid_text")
    return str(home / "reports" / "out" / "history.jsonl")


def streamproof(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(home)}
    return subprocess.run([SCRIPT, *args], cwd=home, env=env, capture_output=True, text=True, timeout=60)


def run(home: Path, *args: str, select: str = "completion.plain") -> subprocess.CompletedProcess[str]:
    """Run one scenario, which everybody passes unless ``select`` says otherwise, against naive."""
    client = () if "--client" in args else ("--client", "naive")
    seed = () if "--seed" in args else ("--seed", "7")
    return streamproof(home, "run", "-k", select, *client, *seed, *args)


def history(home: Path, name: str = "reports/out/history.jsonl") -> list[str]:
    """The kinds of the events in a history."""
    return [json.loads(line)["event"] for line in (home / name).read_bytes().splitlines()]


def test_a_run_that_passes_exits_with_0(home: Path) -> None:
    done = run(home)
    assert (done.returncode, done.stderr) == (0, "written: reports/out/history.jsonl\n")
    assert "1 of 1 cases" in done.stdout


def test_a_run_with_a_failure_exits_with_1_and_says_what_the_user_saw(home: Path) -> None:
    done = run(home, select="cutoff.clean_end_mid_text")
    assert done.returncode == 1
    assert re.search(r"the user saw \d+% of the answer", done.stdout)
    assert "streamproof replay cutoff.clean_end_mid_text@naive:7" in done.stdout


def test_a_run_of_unknowns_only_exits_with_3(home: Path) -> None:
    done = run(home, "--client", "mine:crashing")
    assert done.returncode == 3
    assert "adapter 'crashing' raised RuntimeError: the adapter is broken" in done.stdout


def test_what_a_run_prints_runs_the_case_again_also_of_a_client_that_does_not_ship(home: Path) -> None:
    done = run(home, "--client", "mine:crashing")
    (command,) = (line for line in done.stdout.splitlines() if "streamproof replay" in line)
    again = streamproof(home, *shlex.split(command)[1:])
    assert (again.returncode, "the adapter is broken" in again.stdout) == (3, True), again.stderr


def test_a_failure_weighs_more_than_an_unknown(home: Path) -> None:
    done = run(home, "--client", "mine:crashing", "--client", "naive", select="cutoff.clean_end_mid_text")
    assert done.returncode == 1


@pytest.mark.parametrize(("gate", "status"), [("bundled", 0), ("naive", 1)])
def test_only_the_client_at_the_gate_decides(home: Path, gate: str, status: int) -> None:
    clients = ("--client", "naive", "--client", "bundled")
    assert run(home, *clients, "--gate", gate, select="cutoff.clean_end_mid_text").returncode == status


def test_a_policy_of_the_run_judges_every_client(home: Path) -> None:
    assert run(home, select="cutoff.fin_mid_text").returncode == 0
    assert run(home, "--policy", "recover", select="cutoff.fin_mid_text").returncode == 1


def test_a_run_writes_its_history(home: Path) -> None:
    run(home)
    assert history(home) == ["run_started", "case_started", "case_finished", "run_finished"]


def test_a_history_goes_where_it_is_wanted(home: Path) -> None:
    run(home, "--report", "jsonl=kept/here.jsonl")
    assert history(home, "kept/here.jsonl")[-1] == "run_finished"
    assert not (home / "reports").exists()


def test_a_junit_report_goes_where_it_is_wanted(home: Path) -> None:
    run(home, "--report", "junit=ci/junit.xml")
    (suite,) = etree.parse(home / "ci" / "junit.xml").getroot()
    assert (suite.get("name"), suite.get("tests")) == ("naive", "1")


def test_reports_without_a_path_go_beside_the_history(home: Path) -> None:
    run(home, "--report", "html", "--report", "markdown", "--report", "junit")
    assert {path.name for path in (home / "reports" / "out").iterdir() if path.stat().st_size} == {
        "history.jsonl",
        "report.html",
        "report.md",
        "report.xml",
    }


def test_the_console_report_can_go_to_a_file(home: Path) -> None:
    done = run(home, "--report", "console=console.txt")
    assert done.stdout == ""
    assert "1 of 1 cases" in (home / "console.txt").read_text("utf-8")


def test_one_seed_makes_one_run(home: Path) -> None:
    outputs = [re.sub(r"in [\d.]+ s", "", run(home, "--seed", "x", select="clean_end").stdout) for _ in range(2)]
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("select", ["encoding", "malformed or order"])
def test_no_scenario_can_stop_the_run(home: Path, select: str) -> None:
    assert run(home, select=select).returncode == 1
    assert history(home)[-1] == "run_finished"


def test_a_hostile_name_of_a_client_is_printed(home: Path) -> None:
    done = run(home, "--client", "mine:hostile", "--report", "junit", "--report", "html", "--report", "markdown")
    assert "internal error" not in done.stderr
    assert "<b>[/x]|`" in done.stdout


def test_a_seed_may_look_like_markup_and_paths(home: Path) -> None:
    done = run(home, "--seed", "[/x]?#%")
    assert done.returncode == 0
    assert "seed [/x]?#%\n" in done.stdout


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        pytest.param(("rnu",), "did you mean run?", id="command"),
        pytest.param(("run", "--clinet", "naive"), "Did you mean '--client'?", id="option"),
        pytest.param(("run", "--client", "naiv"), "no client named 'naiv'; did you mean naive", id="client"),
        pytest.param(
            ("run", "--client", "mine:crashin"),
            "no attribute of mine named 'crashin'",
            id="attribute",
        ),
        pytest.param(("run", "--gate", "bundeld"), "did you mean bundled?", id="gate"),
        pytest.param(("run", "--report", "juint"), "did you mean junit?", id="report_of_a_run"),
        pytest.param(("run", "--policy", "recoverr"), "'recover'", id="policy"),
        pytest.param(("list", "law"), "'laws'", id="list"),
        pytest.param(("show", "cutof.fin_mid_text"), "did you mean cutoff.fin_mid_text", id="scenario"),
        pytest.param(("explain", "terminal_requird"), "did you mean terminal_required", id="law"),
        pytest.param(("report", "juint", "x.jsonl"), "did you mean junit?", id="report"),
        pytest.param(("replay", "cutof.fin_mid_text@naive:7"), "did you mean cutoff.fin_mid_text", id="case"),
        pytest.param(("replay", "completion.plain@naiv:7"), "did you mean naive", id="client_of_a_case"),
        pytest.param(("serve", "completion.plian"), "did you mean completion.plain", id="served_scenario"),
    ],
)
def test_a_typo_exits_with_2_and_a_close_match(home: Path, args: tuple[str, ...], hint: str) -> None:
    done = streamproof(home, *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        pytest.param(("run", "-k", "cutoff and"), "-k 'cutoff and' is malformed", id="malformed"),
        pytest.param(("run", "-k", "surely_nothing"), "selects none of", id="nothing_selected"),
        pytest.param(("run", "--client", "surely_not:there"), "No module named 'surely_not'", id="no_module"),
        pytest.param(("run", "--client", "mine:incomplete"), "it lacks name, version, policy", id="no_adapter"),
        pytest.param(("run", "--jobs", "0"), "--jobs", id="no_jobs"),
        pytest.param(("run", "--report", "html=/proc/no/report"), "cannot write /proc/no/report", id="unwritable"),
        pytest.param(("replay", "completion.plain"), "expected SCENARIO@CLIENT:SEED", id="no_case"),
        pytest.param(("serve", "sinks.message"), "it can be run, and not served", id="served_receiver"),
        pytest.param(("serve", "http_status.never_reached"), "a server that is never reached", id="served_nowhere"),
        pytest.param(("report", "html", "missing.jsonl"), "cannot read missing.jsonl", id="no_history"),
        pytest.param(("report", "html", "mine.py"), "mine.py, line 2 is no event of a run", id="not_a_history"),
        pytest.param((), "Usage: streamproof", id="nothing"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(home: Path, args: tuple[str, ...], complaint: str) -> None:
    done = streamproof(home, *args)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_two_clients_of_one_name_are_wrong_usage(home: Path) -> None:
    done = run(home, "--client", "naive", "--client", "mine:twin")
    assert done.returncode == 2
    assert "naive" in done.stderr


def test_a_client_that_cannot_be_imported_is_not_a_fault_of_streamproof(home: Path) -> None:
    (home / "broken.py").write_text("raise RuntimeError('no licence')\n", "utf-8")
    done = run(home, "--client", "broken:client")
    assert done.returncode == 2
    assert "no licence" in done.stderr


def test_a_typo_in_a_report_keeps_the_last_history(home: Path, recorded: str) -> None:
    shutil.copy(recorded, home / "last.jsonl")
    assert run(home, "--report", "jsonl=last.jsonl", "--report", "juint").returncode == 2
    assert history(home, "last.jsonl") == history(home, recorded)


def test_a_report_over_its_own_history_does_not_destroy_it(home: Path, recorded: str) -> None:
    shutil.copy(recorded, home / "history.jsonl")
    streamproof(home, "report", "jsonl", "history.jsonl", "-o", "history.jsonl")
    assert history(home, "history.jsonl") == history(home, recorded)


def test_a_report_of_a_history_that_cannot_be_read_keeps_the_last_one(home: Path) -> None:
    (home / "report.html").write_text("the last one", "utf-8")
    assert streamproof(home, "report", "html", "missing.jsonl", "-o", "report.html").returncode == 2
    assert (home / "report.html").read_text("utf-8") == "the last one"


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("scenarios", r" *1\.1 +completion\.plain +A plain answer"),
        ("clients", r"naive +The loop that everybody writes first"),
        ("laws", r"SP02 terminal_required +No answer is called complete"),
        ("faults", r"end_early +The body ends politely"),
        ("reports", r"junit +JUnit XML"),
    ],
)
def test_everything_can_be_listed(home: Path, what: str, line: str) -> None:
    done = streamproof(home, "list", what)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(f"^{line}", done.stdout, re.MULTILINE)


def test_a_list_of_scenarios_can_be_narrowed(home: Path) -> None:
    rows = [line.split()[:2] for line in streamproof(home, "list", "-k", "stall and pings").stdout.splitlines()]
    assert [name for _, name in rows] == ["stall.pings_only", "stall.pings_then_content"]
    by_number = streamproof(home, "list", "-k", " or ".join(number for number, _ in rows))
    assert [line.split()[:2] for line in by_number.stdout.splitlines()] == rows


def test_a_scenario_is_shown_with_its_bytes(home: Path) -> None:
    done = streamproof(home, "show", "10.4")
    assert done.returncode == 0
    assert done.stdout.startswith("10.4 cutoff.clean_end_mid_text\nchapter 10: The stream stops before its end")
    for line in (
        "level: must",
        "harm: The reader takes a part",
        "other side: 1.2 completion.no_message_stop",
        "seen in: ",
    ):
        assert f"\n  {line}" in done.stdout
    assert "The body ends politely in the middle of the text." in done.stdout
    assert "event: message_start\\n" in done.stdout
    assert "-- end_early strikes" in done.stdout
    assert "attempt 2 and later, streaming:" in done.stdout


def test_control_characters_of_a_scenario_are_shown_as_text(home: Path) -> None:
    done = streamproof(home, "show", "encoding.control_characters")
    assert {char for char in done.stdout if ord(char) < 32} == {"\n"}


@pytest.mark.parametrize("code", ["SP02", "sp02", "terminal_required"])
def test_a_law_is_explained_by_code_or_name(home: Path, code: str) -> None:
    done = streamproof(home, "explain", code)
    assert done.returncode == 0
    assert done.stdout.startswith("SP02 terminal_required\n\nNo answer is called complete")


def test_every_explanation_that_the_console_offers_exists(home: Path) -> None:
    offered = re.search(r"streamproof explain (\w+)", run(home, "--client", "mine:crashing").stdout)
    assert offered is not None
    assert streamproof(home, "explain", offered[1]).returncode == 0


def test_a_case_is_replayed_with_both_sides_of_it(home: Path) -> None:
    done = streamproof(home, "replay", "cutoff.clean_end_mid_text@naive:7")
    assert done.returncode == 1
    assert "cutoff.clean_end_mid_text@naive:7: fail" in done.stdout
    assert re.search(r"server +request 1: POST streaming", done.stdout)
    assert re.search(r"fault +end_early strikes after \d+ bytes", done.stdout)
    assert re.search(r"client +ended: complete", done.stdout)
    assert re.search(r"^SP02 fail", done.stdout, re.MULTILINE)


def test_a_case_of_anybodys_client_is_replayed_with_its_module(home: Path) -> None:
    done = streamproof(home, "replay", "completion.plain@crashing:7", "--client", "mine:crashing")
    assert done.returncode == 3
    assert "adapter failed" in done.stdout


def test_a_replay_leaves_the_last_history_alone(home: Path) -> None:
    streamproof(home, "replay", "completion.plain@naive:7")
    assert not (home / "reports").exists()


@pytest.mark.parametrize("more", [("--policy", "recover"), ("--seed", "a:b", "--policy", "recover"), ("--seed", "-1")])
def test_the_replay_that_a_report_offers_ends_as_the_run_did(home: Path, more: tuple[str, ...]) -> None:
    select = "cutoff.fin_mid_text" if "--policy" in more else "cutoff.clean_end_mid_text"
    first = run(home, *more, select=select)
    offered = re.search(r"streamproof (replay .*)", first.stdout)
    assert offered is not None
    assert streamproof(home, *offered[1].split()).returncode == first.returncode == 1


@pytest.mark.parametrize("name", ["console", "html", "junit", "markdown", "jsonl"])
def test_every_report_can_be_made_from_a_history(home: Path, recorded: str, name: str) -> None:
    done = streamproof(home, "report", name, recorded)
    assert (done.returncode, done.stderr) == (0, "")
    assert "naive" in done.stdout


def test_a_report_from_a_history_can_go_to_a_file(home: Path, recorded: str) -> None:
    done = streamproof(home, "report", "junit", recorded, "-o", "ci/junit.xml")
    assert (done.returncode, done.stdout) == (0, "")
    assert etree.parse(home / "ci" / "junit.xml").getroot().tag == "testsuites"


def test_a_history_that_is_judged_again_by_the_same_laws_gives_the_same_report(home: Path, recorded: str) -> None:
    reports = [streamproof(home, "report", "markdown", recorded, *again).stdout for again in ((), ("--rejudge",))]
    assert reports[0] == reports[1] != ""


def test_output_that_nobody_reads_to_its_end_is_no_error(home: Path) -> None:
    with subprocess.Popen([SCRIPT, "list"], cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode in (0, -signal.SIGPIPE)


@pytest.mark.parametrize("args", [("--help",), ("-h",), ("run", "--help"), ("--version",)])
def test_help_and_version_exit_with_0(home: Path, args: tuple[str, ...]) -> None:
    done = streamproof(home, *args)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize(
    "args", [("--help",), ("list",), ("list", "clients"), ("list", "laws"), ("list", "faults"), ("list", "reports")]
)
def test_what_makes_no_request_imports_no_http_library(home: Path, args: tuple[str, ...]) -> None:
    command = [sys.executable, "-X", "importtime", str(SCRIPT), *args]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=60)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "click" in imported
    assert imported.isdisjoint({"aiohttp", "httpx", "httpx2", "anthropic", "httpcore"})


def test_a_port_that_is_taken_is_the_users_to_change(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([SCRIPT, "serve", "--port", port], cwd=home, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
