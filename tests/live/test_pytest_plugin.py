"""The plugin in suites of users: each runs in a folder and a process of its own, as theirs do."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n# (\S+)\n(.*?)```", (ROOT / "docs/pytest.md").read_text("utf-8"), re.DOTALL)
NAIVE, GOOD = (code for name, code in BLOCKS if name == "chat.py")
CLIENT = """
import httpx

def ask(case):
    headers = {"x-api-key": case.api_key, "anthropic-version": "2023-06-01"}
    reply = httpx.post(f"{case.base_url}/v1/messages", json=case.request, headers=headers, timeout=case.limits.idle)
    reply.raise_for_status()
    return reply.json()["content"][0]["text"]
"""


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    out: str

    @property
    def end(self) -> str:
        """The counts of the last line, without the time."""
        return self.out.rstrip().splitlines()[-1].strip("= ").partition(" in ")[0]


class Suite:
    """A user's folder with tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("pytest.ini", "[pytest]\npythonpath = .\nfilterwarnings = error\nstrict_markers = true\n")

    def write(self, name: str, text: str) -> Suite:
        (self.folder / name).write_text(text, "utf-8")
        return self

    def run(self, *args: str, plugin: bool = True, autoload: bool = False) -> Ran:
        """Run pytest here; ``autoload`` also loads the plugins that are installed, which takes a second or two."""
        loaded = ("-p", "harness.pytest_plugin") if plugin else ()
        command = [sys.executable, "-m", "pytest", *loaded, "-p", "no:cacheprovider", *args]
        # In CI pytest tells each failure twice, whole.
        left_out = ("PYTEST_", "CI", "BUILD_NUMBER")
        env = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        if not autoload:
            env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=100)
        return Ran(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


def ten_lines(suite: Suite, chat: str) -> Suite:
    (test,) = (code for name, code in BLOCKS if name == "test_chat.py")
    assert len(test.strip().splitlines()) < 10
    return suite.write("test_chat.py", test).write("chat.py", chat)


def test_ten_lines_fail_for_a_naive_client_and_pass_for_a_good_one(suite: Suite) -> None:
    naive = ten_lines(suite, NAIVE).run("-q", autoload=True)
    good = ten_lines(suite, GOOD).run("-q", autoload=True)
    assert (naive.status, good.status) == (1, 0), naive.out + good.out
    assert re.fullmatch(r"\d+ passed", good.end)


def test_it_is_the_same_with_tests_that_are_imported_otherwise(suite: Suite) -> None:
    importlib = ("-q", "--import-mode=importlib", "-k", "clean_end_mid_text or reset_late_text")
    naive, good = (ten_lines(suite, chat).run(*importlib) for chat in (NAIVE, GOOD))
    assert [one.end.partition(",")[0] for one in (naive, good)] == ["2 failed", "2 passed"], naive.out + good.out


def test_a_failure_is_understood_without_a_report(suite: Suite) -> None:
    ran = ten_lines(suite, NAIVE).run("-k", "clean_end_mid_text")
    (sample,) = re.findall(r"```text\n___[^\n]*\n(.*?)```", (ROOT / "docs/pytest.md").read_text("utf-8"), re.DOTALL)
    assert ran.end.startswith("1 failed, ")
    assert sample in ran.out
    assert re.search(r"\n  expected  …(.{20,40})(.{60})…\n  seen      …\1 \(ends here\)\n", ran.out)
    assert "fault     end_early strikes after" in ran.out
    assert "explain SP02" in ran.out


def test_the_command_of_a_failure_runs_that_case_again(suite: Suite) -> None:
    first = ten_lines(suite, NAIVE).run("-k", "clean_end_mid_text", "--streamproof-seed", "a 7")
    (command,) = re.findall(r"again: +pytest (.*)", first.out)
    again = suite.run(*shlex.split(command), plugin=False)
    harm = first.out.partition("__\n")[2].partition("\n")[0]
    assert "of the answer and was told that it was whole" in harm
    assert (again.end, harm in again.out) == ("1 failed", True), again.out


def test_the_reference_runs_as_it_stands(suite: Suite) -> None:
    for name, code in BLOCKS:
        if name.startswith("test_") and name != "test_chat.py":
            suite.write(name, code)
    ran = suite.run("-q", "-W", "default")
    assert (ran.status, ran.end) == (0, "5 passed"), ran.out


ASYNC = """
import threading
import anyio, httpx, pytest

async def asked(case):
    headers = {"x-api-key": case.api_key, "anthropic-version": "2023-06-01"}
    async with httpx.AsyncClient(timeout=case.limits.idle) as client:
        reply = await client.post(f"{case.base_url}/v1/messages", json=case.request, headers=headers)
    return reply.json()["content"][0]["text"]

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.streamproof("completion.plain")
async def test_alone(case):
    case.complete(await asked(case))

@pytest.mark.streamproof("completion.plain")
async def test_wrong(case):
    case.complete("The")

class TestOfAClass:
    @pytest.mark.streamproof("completion.plain")
    async def test_method(self, case):
        case.complete(await asked(case))
"""
MARKED = "\n@pytest.mark.anyio\n@pytest.mark.streamproof"


def test_async_tests_need_no_plugin(suite: Suite) -> None:
    ran = suite.write("test_async.py", ASYNC).run()
    assert ran.end == "1 failed, 2 passed", ran.out


def test_async_tests_run_under_anyio_where_they_ask_for_it(suite: Suite) -> None:
    ran = suite.write("test_async.py", ASYNC.replace("\n@pytest.mark.streamproof", MARKED)).run(
        "-p", "anyio.pytest_plugin"
    )
    assert ran.end == "1 failed, 2 passed", ran.out


def test_each_worker_of_xdist_has_a_server_of_its_own(suite: Suite) -> None:
    test = (
        CLIENT
        + """
import os, pytest
from pathlib import Path

@pytest.mark.streamproof("headers.*", "completion.plain", policy="best-effort")
def test_it(case):
    with Path(os.environ["PYTEST_XDIST_WORKER"]).open("a") as file:
        file.write(case.base_url.partition("/case/")[0] + "\\n")
    with case.observe() as seen:
        seen.complete(ask(case))
"""
    )
    ran = suite.write("test_it.py", test).run("-p", "xdist", "-n", "2", "-q")
    used = {name: set((suite.folder / name).read_text().split()) for name in ("gw0", "gw1")}
    assert [len(one) for one in used.values()] == [1, 1], ran.out
    assert used["gw0"] != used["gw1"]
    assert "unknown" in ran.end


UNKNOWN = (
    CLIENT
    + """
import pytest

@pytest.mark.streamproof("cutoff.clean_end_mid_text", "completion.plain", policy="recover")
def test_asks_for_no_stream(case):
    case.complete(ask(case))
"""
)


@pytest.mark.parametrize("args", [(), ("-p", "xdist", "-n", "1")])
def test_what_cannot_be_judged_is_counted_apart_and_its_reason_told_unasked(
    suite: Suite, args: tuple[str, ...]
) -> None:
    ran = suite.write("test_it.py", UNKNOWN).run("-q", *args)
    assert (ran.status, ran.end) == (0, "1 passed, 1 unknown"), ran.out
    assert "[cutoff.clean_end_mid_text]: UNKNOWN: the client asked for no stream" in ran.out


def test_the_tests_own_failure_stays_its_own_and_the_wire_is_shown_beside_it(suite: Suite) -> None:
    test = (
        CLIENT
        + """
import pytest

@pytest.mark.streamproof("completion.plain")
def test_it(case):
    with case.observe() as seen:
        seen.shown(ask(case))
        assert 1 == 2

def test_the_environment_is_as_before():
    import os
    assert "ANTHROPIC_BASE_URL" not in os.environ or "127.0.0.1" not in os.environ["ANTHROPIC_BASE_URL"]
"""
    )
    ran = suite.write("test_it.py", test).run()
    assert ran.end == "1 failed, 1 passed", ran.out
    assert "assert 1 == 2" in ran.out
    assert "streamproof call" in ran.out
    assert "request 1: POST" in ran.out


HANGS = (
    CLIENT
    + """
import asyncio, time
import pytest
from harness import hosting

@pytest.fixture(autouse=True)
def soon(monkeypatch):
    within = hosting.within
    monkeypatch.setattr(hosting, "within", lambda _, lost: within(0.3, lost))
    monkeypatch.setattr(hosting, "STOP_SECONDS", 1.5)  # beyond the second in which connections may close

@pytest.mark.streamproof("completion.plain")
def test_sync(case):
    with case.observe():
        ask(case)
        time.sleep(3600)

@pytest.mark.streamproof("completion.plain")
async def test_async(case):
    with case.observe():
        ask(case)
        await asyncio.sleep(3600)

@pytest.mark.streamproof("stall.mid_text")
def test_reads_for_ever(case):
    headers = {"x-api-key": case.api_key, "anthropic-version": "2023-06-01"}
    body = {**case.request, "stream": True}
    case.complete(httpx.post(f"{case.base_url}/v1/messages", json=body, headers=headers, timeout=None).text)

@pytest.mark.streamproof("completion.plain")
def test_next(case):
    case.complete(ask(case))
"""
)


def test_a_client_that_hangs_fails_its_test_and_the_next_one_runs(suite: Suite) -> None:
    ran = suite.write("test_it.py", HANGS).run("-W", "default")
    assert ran.end == "3 failed, 1 passed", ran.out
    assert ran.out.count("\nthe user was still waiting after 9 s") == 3


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        (
            '"cutof.*"',
            "test_it.py::test_it: @pytest.mark.streamproof: no scenario named 'cutof.*'; did you mean cutoff.*",
        ),
        ('"cutoff.*", policy="recovr"', "no policy named 'recovr'; did you mean recover"),
        ('"cutoff and"', "is malformed"),
    ],
)
def test_a_wrong_mark_is_an_error_that_names_the_test_and_what_is_close(suite: Suite, mark: str, told: str) -> None:
    ran = suite.write("test_it.py", f"import pytest\n@pytest.mark.streamproof({mark})\ndef test_it(case): ...\n").run()
    assert ran.status == pytest.ExitCode.INTERRUPTED
    assert told in ran.out
    assert "Traceback" not in ran.out


def test_mark_and_fixture_belong_together(suite: Suite) -> None:
    alone = suite.write("test_it.py", 'import pytest\n@pytest.mark.streamproof("cutoff.*")\ndef test_it(): ...\n').run()
    unmarked = suite.write("test_it.py", "def test_it(case): ...\n").run()
    assert "must take the fixture `case`" in alone.out
    assert "is for tests with @pytest.mark.streamproof" in unmarked.out


def test_what_a_test_cannot_run_is_skipped_with_its_reason(suite: Suite) -> None:
    test = 'import pytest\n@pytest.mark.streamproof("sinks.message", "content.tool_call")\ndef test_it(case): 1 / 0\n'
    ran = suite.write("test_it.py", test).run("-rs")
    assert ran.end == "2 skipped", ran.out
    assert "sinks.message: it is about where an answer is delivered" in ran.out
    assert "does not declare capabilities={'tools'}" in ran.out


def test_a_suite_without_the_plugin_never_meets_it(suite: Suite) -> None:
    test = "import sys\ndef test_it(): assert 'harness' not in sys.modules\n"
    ran = suite.write("test_it.py", test).run(plugin=False, autoload=True)
    assert ran.end == "1 passed", ran.out
