"""Clients that are programs: a command for each call, and one program for all."""

from __future__ import annotations

import asyncio
import os
import re
import select
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from live.running import run

from harness import catalog, engine
from harness.adapter import Absent, Adapter
from harness.conformance import check_adapter
from harness.errors import UsageError
from harness.events import CaseFinished
from harness.model import Finished, Outcome, ToolRan
from harness.plan import Plan, PlannedCase, plan
from harness.verdict import Verdict

TEN_LINES = """
import anthropic, json, sys
job = json.load(sys.stdin)
client = anthropic.Anthropic(timeout=job["limits"]["idle"])
with client.messages.stream(**job["request"]) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
    message = stream.get_final_message()
if message.stop_reason is None:
    raise SystemExit("the answer broke off")
"""
SPEAKS = """
import json, sys
job = json.loads(sys.stdin.readline())
for line in {lines!r}:
    print(json.dumps(line), flush=True)
{then}
"""


def client(tmp_path: Path, text: str, name: str = "mine.py") -> str:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    runs = sys.executable if name.endswith(".py") else shutil.which("node") or ""
    return f"cmd:{shlex.join([runs, str(file)])}"


def ran(client: str, scenario: str = "completion.plain", name: str = "mine") -> CaseFinished:
    return run(client, select=scenario)[f"{scenario}@{name}"]


def ended(result: CaseFinished) -> Finished:
    assert result.record is not None
    return next(one for one in result.record.client if isinstance(one, Finished))


def test_a_program_of_ten_lines_that_knows_nothing_of_us_is_judged(tmp_path: Path) -> None:
    mine = client(tmp_path, TEN_LINES)
    assert ran(mine).verdict is Verdict.PASS
    assert ended(ran(mine, "http_status.status_401")).outcome is Outcome.FAILED
    assert ended(ran(mine, "cutoff.clean_end_mid_text")).outcome is Outcome.INCOMPLETE
    assert check_adapter(catalog.adapter(mine)) == []


def test_what_a_program_says_in_lines_of_json_is_observed_as_it_is_said(tmp_path: Path) -> None:
    lines = [{"type": "tool", "name": "pay", "input": {}}, {"type": "done", "stop_reason": "end_turn"}]
    result = ran(client(tmp_path, SPEAKS.format(lines=lines, then="")))
    assert result.record is not None
    assert [type(one) for one in result.record.client] == [ToolRan, Finished]


@pytest.mark.parametrize(
    ("lines", "then", "why"),
    [
        ([{"type": "text", "text": "Hi"}], "raise SystemExit('no more')", "status 1 and did not say how .*: no more"),
        ([{"type": "done"}, {"type": "done"}], "", "'done' after it had said how the call ended"),
        ([{"type": "may"}], "", "Invalid value 'may'"),
        ([{"type": "text", "text": "Hi"}], "print('text')", "it printed what is no line of JSON: b'text"),
        ([{"type": "text", "text": "Hi"}], "print('[1]')", "each line must be a JSON object"),
    ],
)
def test_a_program_that_breaks_its_word_makes_the_case_unknown(
    tmp_path: Path, lines: list[object], then: str, why: str
) -> None:
    result = ran(client(tmp_path, SPEAKS.format(lines=lines, then=then)))
    assert (result.verdict, result.finding and result.finding.law) == (Verdict.UNKNOWN, "SP00")
    assert result.finding is not None
    assert re.search(why, result.finding.harm), result.finding.harm


def test_a_program_that_tells_what_was_billed_is_judged_by_it(tmp_path: Path) -> None:
    head = '# /// script\n# [tool.streamproof]\n# capabilities = ["billing"]\n# ///\n'
    lines = [{"type": "done", "billed": {"input": 5, "output": 3, "exact": True}}]
    result = ran(client(tmp_path, head + SPEAKS.format(lines=lines, then="")))
    assert {one.law: one.harm for one in result.rulings}["SP23"].startswith("5 input tokens were reported")


def test_a_crash_of_a_program_of_plain_text_is_what_its_user_sees(tmp_path: Path) -> None:
    text = "import os, signal\nprint('The', flush=True)\nos.kill(os.getpid(), signal.SIGSEGV)\n"
    error = ended(ran(client(tmp_path, text))).error
    assert error is not None
    assert (error.name, error.typed) == ("signal 11", False)


def test_a_character_that_two_writes_share_is_shown_whole(tmp_path: Path) -> None:
    text = "import sys\nfor b in 'The 🌍'.encode():\n    sys.stdout.buffer.write(bytes([b])); sys.stdout.flush()\n"
    result = ran(client(tmp_path, text))
    assert result.record is not None
    assert "".join(getattr(one, "text", None) or "" for one in result.record.client) == "The 🌍"


def test_a_program_that_does_not_end_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    text = f"""
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
print("The", flush=True)
time.sleep(600)
"""
    result = ran(client(tmp_path, text), "retry.cancelled_at_first_text")
    assert result.record is not None
    for pid in pids.read_text().split():
        assert ends(int(pid))


def ends(pid: int) -> bool:
    """Whether the process is gone, or goes within ten seconds: a signal takes its time."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 10)[0])
    finally:
        os.close(process)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("cmd:", "names no command"),
        ("cmd:'open", "cannot be read: No closing quotation"),
        ("cmd:no-such-program x", "there is no program 'no-such-program'"),
    ],
)
def test_a_command_that_cannot_be_run_is_refused_before_anything_runs(command: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        catalog.adapter(command)


MANY = """
# /// script
# [tool.streamproof]
# name = "many"
# policy = "raise"
# many = true
# ///
import json, sys
print('{"type": "ready"}', flush=True)
for line in sys.stdin:
    job = json.loads(line)
    if "cancel" not in job:
        BODY
"""


def test_one_program_makes_all_calls_and_its_head_says_what_it_promises(tmp_path: Path) -> None:
    body = 'print(json.dumps({"id": job["id"], "type": "error", "name": "Refused"}), flush=True)'
    adapter = catalog.adapter(client(tmp_path, MANY.replace("BODY", body)))
    assert (adapter.name, adapter.policy) == ("many", "raise")
    results = run(client(tmp_path, MANY.replace("BODY", body)), select="completion")
    assert {ended(one).outcome for one in results.values() if one.record} == {Outcome.FAILED}


def test_when_the_program_of_all_calls_dies_every_case_is_unknown_and_says_why(tmp_path: Path) -> None:
    result = ran(client(tmp_path, MANY.replace("BODY", "raise SystemExit('out of luck')")), name="many")
    assert result.verdict is Verdict.UNKNOWN
    assert result.finding is not None
    assert "its program ended with status" in result.finding.harm
    assert "out of luck" in result.finding.harm


def test_a_client_that_is_not_installed_says_how_it_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROOF_CLIENTS", str(tmp_path))
    with pytest.raises(UsageError, match="streamproof clients install httpx_sse"):
        catalog.adapter("httpx_sse")
    absent = {one.name: one for one in catalog.every_adapter() if isinstance(one, Absent)}
    assert "streamproof clients install httpx_sse" in absent["httpx_sse"].why


def test_the_cases_of_an_absent_client_are_skipped_and_say_why() -> None:
    planned = plan(catalog.scenarios(), [Absent("gone", "nobody has it")], seed="1", select="completion.plain")

    async def results() -> list[CaseFinished]:
        return [one async for one in engine.run(planned, catalog.laws()) if isinstance(one, CaseFinished)]

    (result,) = asyncio.run(results())
    assert (result.verdict, result.why) == (Verdict.SKIP, "nobody has it")


def test_what_a_program_takes_to_start_is_not_the_time_of_its_call(tmp_path: Path) -> None:
    late = "import threading\nthreading.Event().wait(2.5)\n"
    planned = case("completion.plain", catalog.adapter(client(tmp_path, late + TEN_LINES)), settle=3.0)
    assert asyncio.run(played(planned)).verdict is Verdict.PASS


def case(name: str, adapter: Adapter, settle: float) -> PlannedCase:
    found = catalog.scenarios()[name]
    limits = msgspec.structs.replace(found.limits, settle=settle)
    return PlannedCase(scenario=replace(found, limits=limits), adapter=adapter, seed="1", policy=adapter.policy)


async def played(planned: PlannedCase) -> CaseFinished:
    events = engine.run(Plan(cases=(planned,), seed="1"), catalog.laws())
    (result,) = [one async for one in events if isinstance(one, CaseFinished)]
    return result
