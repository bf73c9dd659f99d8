"""Lines of JSON: one for each thing that is told, with what is secret taken out, whatever it holds."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fabricated import FAIL, PASS, ended, run_of
from reporting import PAYLOADS

from fake_server.record import Ended, Replied, Requested, Sent, ServerRecord, Struck, Waited
from harness import logs
from harness.events import RunFinished
from harness.logs import Say
from harness.plain import plain
from harness.telling import RunLog, say_exchange
from harness.timeline import server_line

KEY = "sk-ant-api03-abcdefgh"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """What is logged as JSON, as a function that gives all of it."""
    monkeypatch.setenv("MY_GATEWAY_TOKEN", "hunter2-hunter2")
    root, ours = logging.getLogger(), logging.getLogger(logs.ROOT)
    before, level = list(root.handlers), ours.level
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    for handler in [one for one in root.handlers if one not in before]:
        root.removeHandler(handler)
    ours.setLevel(level)
    logging.captureWarnings(False)


def test_a_line_has_time_level_logger_message_and_fields(lines: Any) -> None:
    logs.say("json", "serve")("for people", "for the log", level=logging.WARNING, number=1)
    (line,) = lines()
    assert list(line) == ["time", "level", "logger", "message", "fields"]
    assert {**line, "time": ""} == {
        "time": "",
        "level": "warning",
        "logger": "streamproof.serve",
        "message": "for the log",
        "fields": {"number": 1},
    }
    assert line["time"].endswith("Z")
    assert abs(datetime.fromisoformat(line["time"]) - datetime.now(UTC)).total_seconds() < 60


def test_text_is_for_people_and_json_has_no_hints(lines: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for one in (logs.say("text", "serve"), logs.say("json", "serve")):
        one("  told  ", number=1)
        one.hint("a hint")
        one.log("logged")
    told = capsys.readouterr()
    assert told.out == "  told  \na hint\n"
    assert [json.loads(line)["message"] for line in told.err.splitlines()] == ["told", "logged"]


def test_who_serves_goes_on_when_nobody_reads_and_says_nothing_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        say = logs.say_serving("text", "serve")
        for _ in range(2):
            say("told")
            say.hint("a hint")


@pytest.mark.parametrize(
    ("encoding", "printed"), [("utf-8", b"\\ud800 \xe2\x80\xa6\n"), ("ascii", b"\\ud800 \\u2026\n")]
)
def test_who_serves_escapes_what_cannot_be_encoded(
    monkeypatch: pytest.MonkeyPatch, encoding: str, printed: bytes
) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stdout)
    logs.say_serving("text", "serve")("\ud800 …")
    assert stdout.buffer.getvalue() == printed  # type: ignore[attr-defined]


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_no_payload_makes_a_second_line_or_an_unreadable_one(payload: str) -> None:
    record = logging.makeLogRecord({"msg": payload, "fields": {"text": payload, "list": [payload], payload: 1}})
    (text,) = logs.JsonLines(logs.secrets_of({})).format(record).splitlines()
    line = json.loads(text.encode("ascii"))
    said = payload.encode("utf-8", "backslashreplace").decode()
    assert line["message"] == said
    assert line["fields"] == {"text": said, "list": [said], said: 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"x-api-key": "short-one"},
        {"headers": {"Authorization": "short-one"}},
        {"api_key": "short-one"},
        {"x-litellm-api-key": "short-one"},
        {"said": f"it sent {KEY}"},
        {"deep": [{"said": [f"it sent {KEY}"]}]},
        {"url": "https://user:short-one@host/v1?key=short-one"},
        {"said": "the gateway got hunter2-hunter2"},
    ],
)
def test_no_key_is_shown(lines: Any, fields: dict[str, Any]) -> None:
    logs.say("json", "proxy")("", f"a message with {KEY} and hunter2-hunter2", **fields)
    (line,) = lines()
    said = json.dumps(line)
    assert not any(secret in said for secret in ("short-one", KEY, "hunter2"))


def test_what_libraries_and_python_say_is_json_as_well(lines: Any) -> None:
    logs.say("json", "run")
    logging.getLogger("asyncio").error("a task %s", "failed")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("library").exception("it failed")
    first, second = lines()
    assert (first["logger"], first["message"], first["level"]) == ("asyncio", "a task failed", "error")
    assert "ValueError: broken" in second["fields"]["exception"]


def test_begun_twice_every_line_is_there_once(lines: Any) -> None:
    for _ in range(2):
        say = logs.say("json", "run")
    say("once")
    assert len(lines()) == 1


def test_a_run_tells_its_begin_each_case_and_its_end(lines: Any) -> None:
    log = RunLog(logs.say("json", "run"))
    for event in run_of([ended(PASS, scenario="f.a"), ended(FAIL, scenario="f.b")]):
        log.take(event)
    first, passed, failed, last = lines()
    assert first["fields"]["cases"] == 2
    assert (passed["level"], passed["fields"]["case"], passed["fields"]["standing"]) == ("info", "f.a@naive:1", "pass")
    assert (failed["level"], failed["fields"]["law"]) == ("warning", "SP02")
    assert failed["fields"]["harm"] == "the user saw 41% of the answer"
    assert last["fields"] == {"seconds": 1.0, "stands": {"pass": 1, "fail": 1}}


def test_a_run_that_was_interrupted_says_so(lines: Any) -> None:
    RunLog(logs.say("json", "run")).take(RunFinished(counts={}, interrupted=True))
    (line,) = lines()
    assert (line["level"], line["message"]) == ("warning", "the run is interrupted")


EXCHANGE = (
    Requested(t=0.1, attempt=2, method="POST", path="/", headers={"x-api-key": KEY}, body={}, streams=True),
    Replied(t=0.2, attempt=2, step=1, status=529, headers={}, faults=["end_early"]),
    Struck(t=0.3, attempt=2, fault="end_early", note="", total=9),
    Waited(t=0.4, attempt=2, seconds=1.0),
    Ended(t=0.5, attempt=2, how="reset", total=9),
)


def test_an_exchange_is_told_in_fields(lines: Any) -> None:
    say = logs.say("json", "serve")
    for record in EXCHANGE:
        say_exchange(say, record, "text", "a.b")
    told = [line["fields"] for line in lines()]
    assert all(one["case"] == "a.b" and one["number"] == 2 for one in told)
    assert [one["seconds"] for one in told] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert told[0]["streams"] is True
    assert (told[1]["status"], told[1]["faults"]) == (529, ["end_early"])
    assert (told[2]["fault"], told[2]["bytes"]) == ("end_early", 9)
    assert told[4]["how"] == "reset"


def test_the_page_shows_a_line_as_it_is_written_and_lists_every_field(lines: Any) -> None:
    RunLog(logs.say("json", "run")).take(ended(FAIL, scenario="f.b"))
    for record in EXCHANGE:
        say_exchange(logs.say("json", "serve"), record, "text", "a.b")
    case, *exchange = lines()
    page = (Path(__file__).parents[2] / "docs" / "running.md").read_text("utf-8")
    shown = json.loads(page.partition("```json\n")[2].partition("```")[0])
    assert (list(shown), list(shown["fields"])) == (list(case), list(case["fields"]))
    of_case, _, of_exchange = page.partition("| `fields` |")[2].partition("|")[0].partition("of an exchange")
    assert {*re.findall(r"`(\w+)`", of_case)} == case["fields"].keys()
    assert {*re.findall(r"`(\w+)`", of_exchange)} == {name for one in exchange for name in one["fields"]}


def test_nothing_is_logged_where_people_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    Say(err=True).log("nothing")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
@pytest.mark.parametrize(
    "record",
    [
        lambda text: Requested(t=0.1, attempt=1, method=text, path="/", headers={}, body=None, streams=False),
        lambda text: Replied(t=0.1, attempt=1, step=0, status=404, headers={}, faults=[], problem=text),
        lambda text: Struck(t=0.1, attempt=1, fault="end_early", note=text, total=9),
        lambda text: Sent(t=0.1, attempt=1, data=b"", size=0, total=0, event=text),
    ],
    ids=["method", "problem", "note", "event"],
)
def test_no_payload_reaches_a_terminal_in_what_a_server_did(
    record: Callable[[str], ServerRecord], payload: str
) -> None:
    what = server_line(record(payload)).what
    assert what == plain(what)
