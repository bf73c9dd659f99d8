"""The history file, written from fabricated events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fake_server.record import Requested, Sent
from harness.errors import UsageError
from harness.events import CaseFinished, CaseStarted, Event, RunFinished, RunStarted
from harness.history import CaseInfo, Record
from harness.journal import encode, judged_again, read
from harness.law import law
from harness.model import Capability, Expect, Finished, Level, Limits, Outcome, Policy, Shown
from harness.verdict import Ruling, Verdict, failed

STARTED = RunStarted(seed="1", clients=("a", "b"), versions={}, scenarios=("f.n",), cases=2)
FINISHED = RunFinished(number=9, counts={"a": {Verdict.PASS: 1}}, seconds=1.5)


@law("T1", rank=1)
def nothing_is_right(_case: object) -> Ruling:
    """Fails everything."""
    return failed("it is wrong")


def record(text: str = "Hello", capabilities: frozenset[Capability] = frozenset()) -> Record:
    info = CaseInfo(
        id="f.n@a:1",
        scenario="f.n",
        client="a",
        seed="1",
        title="It breaks.",
        policy=Policy.RAISE,
        level=Level.MUST,
        expect=Expect(),
        texts=(text,),
        limits=Limits(),
        max_attempts=5,
        capabilities=tuple(sorted(capabilities)),
    )
    asked = Requested(t=0, attempt=1, method="POST", path="/", headers={}, body={"prompt": text}, streams=True)
    sent = Sent(t=0, attempt=1, data=b"\xff\x00\xc3", size=3, total=3)
    return Record(info=info, server=(asked, sent), client=(Shown(text=text), Finished(outcome=Outcome.COMPLETE)))


def case(client: str = "a", verdict: Verdict = Verdict.PASS, record: Record | None = None) -> CaseFinished:
    return CaseFinished(number=2, case=f"f.n@{client}:1", scenario="f.n", client=client, verdict=verdict, record=record)


def written(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(lines))
    return path


def events(path: Path, *events: Event) -> list[Event]:
    """What is read from a file of ``events``."""
    return list(read(written(path / "history.jsonl", *map(encode, events))))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    wrote: list[Event] = [STARTED, CaseStarted(number=1, case="f.n@a:1"), case(record=record()), FINISHED]
    assert events(tmp_path, *wrote) == wrote


def test_a_history_that_does_not_say_what_clients_were_called_is_read(tmp_path: Path) -> None:
    told = json.loads(encode(STARTED))
    del told["asked_for"]
    started, *_ = read(written(tmp_path / "old.jsonl", json.dumps(told).encode() + b"\n"))
    assert started == STARTED


def test_every_event_is_one_line() -> None:
    assert encode(case(record=record("two\nlines\r\n"))).count(b"\n") == 1


def test_the_same_case_is_always_written_as_the_same_bytes() -> None:
    line = json.loads(encode(case(record=record(capabilities=frozenset(Capability)))))
    assert line["record"]["info"]["capabilities"] == sorted(Capability)


@pytest.mark.parametrize("text", ["half \ud83d of a pair", "\udc80", "\ude00\ud83d"])
def test_half_a_surrogate_pair_does_not_stop_the_history(tmp_path: Path, text: str) -> None:
    (found, _) = events(tmp_path, case(record=record(text)), FINISHED)
    assert isinstance(found, CaseFinished)


def test_a_run_without_its_end_was_interrupted(tmp_path: Path) -> None:
    *_, end = events(tmp_path, STARTED, case("b", Verdict.FAIL))
    assert end == RunFinished(number=3, counts={"b": {Verdict.FAIL: 1}}, interrupted=True)


def test_a_run_that_finished_all_of_its_cases_was_not_interrupted(tmp_path: Path) -> None:
    *_, end = events(tmp_path, STARTED, case("a"), case("b", Verdict.FAIL))
    assert end == RunFinished(number=3, counts={"a": {Verdict.PASS: 1}, "b": {Verdict.FAIL: 1}})


def test_a_damaged_line_in_the_middle_is_a_usage_error_with_its_number(tmp_path: Path) -> None:
    path = written(tmp_path / "history.jsonl", encode(STARTED), encode(case())[:-20] + b"\n", encode(FINISHED))
    with pytest.raises(UsageError, match=r"history\.jsonl, line 2 is no event of a run"):
        list(read(path))


def test_a_line_of_an_unknown_event_is_a_usage_error_with_its_number(tmp_path: Path) -> None:
    path = written(tmp_path / "history.jsonl", encode(STARTED), b'{"event":"party"}\n', encode(FINISHED))
    with pytest.raises(UsageError, match=r"line 2 is no event of a run: .*party"):
        list(read(path))


@pytest.mark.parametrize("content", [b"", b"\n\n", b'{"event":"run_sta'])
def test_a_file_without_one_event_holds_no_run(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        list(read(written(tmp_path / "history.jsonl", content)))


@pytest.mark.parametrize("content", [b"hello\nworld\n", b"\xff\xfe\n{}\n", b"[1]\n{}\n"])
def test_what_is_no_history_is_a_usage_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UsageError, match="line 1 is no event"):
        list(read(written(tmp_path / "history.jsonl", content)))


def test_a_file_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*missing\.jsonl: No such file"):
        list(read(tmp_path / "missing.jsonl"))


def test_a_directory_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        list(read(tmp_path))


def test_a_case_is_judged_again_by_the_laws_that_are_given() -> None:
    found, end = judged_again([case(record=record()), FINISHED], [nothing_is_right])
    assert isinstance(found, CaseFinished)
    assert (found.number, found.verdict, found.finding) == (
        2,
        Verdict.FAIL,
        Ruling(verdict=Verdict.FAIL, harm="it is wrong", law="T1"),
    )
    assert isinstance(end, RunFinished)
    assert end.counts == {"a": {Verdict.FAIL: 1}}


def test_a_skipped_case_stays_skipped_when_it_is_judged_again() -> None:
    skipped = case(verdict=Verdict.SKIP)
    assert list(judged_again([skipped], [nothing_is_right])) == [skipped]


def test_a_run_that_is_judged_again_keeps_its_seconds_and_its_interruption() -> None:
    cut = RunFinished(number=1, counts={}, interrupted=True, seconds=2.5)
    assert list(judged_again([STARTED, cut], [nothing_is_right])) == [STARTED, cut]
