"""What the HTML report says: cells, thresholds, the sentence on top, changes, and how failures went over time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fabricated import FAIL, PASS, SKIP, UNKNOWN, ended, run_of, several, table_of
from lxml import html
from reporting import block_in, broke, overview_in, record, run_with
from reporting import run_of as hostile_run

from fake_server.record import Ended, Replied, Requested, Sent, ServerRecord, Struck, Waited
from harness import catalog, earlier
from harness.comparing import Comparing, Kind, Side
from harness.errors import UsageError
from harness.events import CaseFinished, Event
from harness.history import Record
from harness.model import Cleared, ClientRecord, ErrorSeen, Finished, Noticed, Outcome, Policy, Shown, TimedOut
from harness.network import NetworkFailed
from harness.reporter import Table
from harness.standing import Known
from harness.toxiproxy.events import Carried, Left, Stopped
from harness.verdict import Verdict
from reports.html import overview
from reports.html.cell import packed
from reports.html.pool import Pool
from reports.html.thresholds import gate_of, sentence, thresholds
from reports.html.trend import HEIGHT, trend

Json = dict[str, Any]
WORDS = overview.Words(chapters={"cutoff": "Cut off"}, numbers={"cutoff.fin": "10.5"}, laws={"SP02": "No lies."})


def finished(
    verdict: Verdict = FAIL,
    *,
    server: tuple[ServerRecord, ...] = (),
    client: tuple[ClientRecord, ...] = (),
    **more: Any,
) -> CaseFinished:
    made = Record(info=record("x", "naive").info, server=server, client=client, **more)
    return msgspec.structs.replace(ended(verdict), record=made, seconds=0.25)


def cell(case: CaseFinished) -> tuple[Json, list[Any]]:
    pool = Pool()
    return packed(case, pool), pool.packed()


def asked(attempt: int = 1, t: float = 0.0, body: Any = None) -> Requested:
    headers = {"accept": "*/*", "x-api-key": "[redacted]"}
    return Requested(t=t, attempt=attempt, method="POST", path="/v1", headers=headers, body=body, streams=True)


def sent(t: float, data: bytes, total: int, event: str | None = None) -> Sent:
    return Sent(t=t, attempt=1, data=data, size=len(data), total=total, event=event)


HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


# ---- cells -----------------------------------------------------------------------------------------------------------


def test_a_skipped_case_keeps_its_reason() -> None:
    case = msgspec.structs.replace(ended(SKIP), why="it has no words for it", rulings=())
    told, texts = cell(case)
    assert texts[told["why"]] == "it has no words for it"
    assert "attempts" not in told


def test_a_reply_keeps_its_bytes_its_writes_and_their_times() -> None:
    writes = (sent(0.1, HEAD, 19), sent(0.101, b"one", 22, "message_start"), sent(0.9, b"two", 25, "ping"))
    told, texts = cell(finished(server=(asked(), *writes, Ended(t=1.0, attempt=1, how="reset", total=25))))
    (attempt,) = told["attempts"]
    assert attempt["bursts"] == [0, 1, 2, 800, 0, 1]
    assert (attempt["sent"], attempt["over"], attempt["how"], attempt["size"]) == (100, 1000, "reset", 25)
    assert texts[attempt["sizes"]] == "19 3 3"
    assert texts[attempt["events"]] == "-*1 message_start*1 ping*1"
    assert [(start, texts[place]) for start, place in attempt["data"]] == [(0, HEAD.decode()), (19, "onetwo")]


def test_two_clients_share_a_body_though_their_heads_have_another_date() -> None:
    pool = Pool()
    heads = [b"HTTP/1.1 200 OK\r\ndate: %d\r\n\r\n" % number for number in (1, 2)]
    cells = [packed(finished(server=(asked(), sent(0, head + b"body" * 9, 64))), pool) for head in heads]
    (_, one), (_, other) = (made["attempts"][0]["data"] for made in cells)
    assert one == other


def test_a_failed_case_keeps_what_was_asked_and_one_that_passed_does_not() -> None:
    exchange = (asked(body={"long": "x" * 4000}), Replied(t=0, attempt=1, step=1, status=200, headers={}, faults=["f"]))
    bad, texts = cell(finished(FAIL, server=exchange))
    good, _ = cell(finished(PASS, server=exchange))
    (attempt,) = bad["attempts"]
    assert [texts[one] for one in attempt["headers"]] == ["accept: */*", "x-api-key: [redacted]"]
    assert attempt["body_left"] == len(json.dumps({"long": "x" * 4000})) - 3000
    assert (attempt["status"], [texts[one] for one in attempt["faults"]]) == (200, ["f"])
    assert not {"headers", "body"} & good["attempts"][0].keys()


def test_a_refusal_says_its_problem_and_a_request_without_a_body_has_none() -> None:
    reply = Replied(t=0, attempt=1, step=0, status=400, headers={}, faults=[], problem="no model")
    told, texts = cell(finished(server=(asked(), reply)))
    assert texts[told["attempts"][0]["problem"]] == "no model"
    assert "body" not in told["attempts"][0]


def marks(case: CaseFinished) -> list[tuple[str, str, int, str]]:
    told, texts = cell(case)
    return [(lane, kind, t, texts[label]) for lane, kind, t, label, _ in told.get("marks", [])]


def test_faults_of_server_and_network_are_marked_where_they_struck() -> None:
    server = (asked(), Struck(t=0.2, attempt=1, fault="end_early", note="politely", total=9))
    network = (Stopped(at=0.3, proxy="p"), Left(at=0.4, proxy="p", connection=1, side="client"))
    found = marks(finished(server=server, network=network))
    assert [(lane, kind, t) for lane, kind, t, _ in found] == [
        ("wire", "fault", 200),
        ("wire", "fault", 300),
        ("wire", "note", 400),
    ]
    assert found[0][3] == "end_early (politely)"


def test_what_the_network_carried_is_no_mark_and_what_it_did_not_do_is_a_bad_one() -> None:
    carried = Carried(at=0.1, proxy="p", connection=1, stream="downstream", data=b"x")
    assert marks(finished(network=(carried,))) == []
    ((_, kind, *_),) = marks(finished(network=(NetworkFailed(at=0.1, proxy="p", why="no port"),)))
    assert kind == "bad"


def test_a_silence_is_marked_from_its_beginning_and_a_breath_is_not() -> None:
    waits = (Waited(t=1.5, attempt=1, seconds=1.0), Waited(t=1.6, attempt=1, seconds=0.05))
    told, texts = cell(finished(server=(asked(), *waits)))
    ((lane, kind, t, label, long),) = told["marks"]
    assert (lane, kind, t, texts[label], long) == ("wire", "wait", 500, "silent for 1 s", 1000)


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (Finished(t=1, outcome=Outcome.COMPLETE, stop_reason="end_turn"), "good"),
        (Finished(t=1, outcome=Outcome.FAILED), "bad"),
        (TimedOut(t=1), "bad"),
        (Noticed(t=1, what="asks again"), "note"),
    ],
)
def test_the_clients_lane_tells_a_good_end_from_a_bad_one(ending: ClientRecord, kind: str) -> None:
    ((lane, found, t, _),) = marks(finished(client=(ending,)))
    assert (lane, found, t) == ("client", kind, 1000)


def test_the_receivers_lane_marks_the_calls_that_a_fault_struck() -> None:
    calls = record("x", "naive").receiver
    assert [kind for lane, kind, *_ in marks(finished(receiver=calls)) if lane == "receiver"] == ["fault", "note"]


def test_of_many_marks_the_first_are_kept_and_the_rest_counted() -> None:
    notices = tuple(Noticed(t=number / 100, what="again") for number in range(400))
    told, _ = cell(finished(client=notices))
    assert (len(told["marks"]), told["marks_left"]) == (300, 100)


def test_text_is_kept_in_stretches_that_end_where_it_was_cleared() -> None:
    lane = (Shown(t=0.1, text="a🌍"), Shown(t=0.101, text="b"), Cleared(t=0.2), Shown(t=0.3, text="c"))
    told, texts = cell(finished(client=lane))
    assert [(texts[text], times, left) for text, times, left in told["shown"]] == [
        ("a🌍b", [100, 1, 4], 0),
        ("c", [300, 0, 1], 0),
    ]


def test_the_end_says_the_outcome_the_error_and_what_it_kept() -> None:
    error = ErrorSeen(name="E", message="broke", typed=True, partial="half")
    told, texts = cell(finished(client=(Finished(outcome=Outcome.FAILED, stop_reason="none", error=error),)))
    end = told["end"]
    assert (end["outcome"], end["stop"], texts[end["error"]], end["partial"]) == ("failed", "none", "E: broke", 4)


def test_damage_is_told_as_parts_of_the_expected_text_and_texts_of_its_own() -> None:
    info = msgspec.structs.replace(record("x", "naive").info, texts=("🌍 The amber anchor admires a barge.",))
    lane = (Shown(text="🌍 The amber anchor ZZ"), Finished(outcome=Outcome.COMPLETE))
    case = msgspec.structs.replace(ended(FAIL), record=Record(info=info, client=lane))
    told, texts = cell(case)
    assert [one[0] for one in told["damage"]["runs"]] == ["s", "f", "m"]
    expected = texts[told["damage"]["expected"]].encode("utf-16-le")
    letter, start, stop = told["damage"]["runs"][0]
    assert (letter, expected[2 * start : 2 * stop].decode("utf-16-le")) == ("s", "🌍 The amber anchor ")


def test_of_long_texts_the_damage_says_how_much_was_left_out() -> None:
    truth = "".join(f"{number:06} " for number in range(2000))
    info = msgspec.structs.replace(record("x", "naive").info, texts=(truth,))
    lane = (Shown(text=truth[:7000]), Finished(outcome=Outcome.COMPLETE))
    told, _ = cell(msgspec.structs.replace(ended(FAIL), record=Record(info=info, client=lane)))
    assert (told["damage"]["before"], told["damage"]["behind"]) == (4000, [4000, 0])


def test_earlier_calls_of_a_case_that_failed_are_kept_in_lines() -> None:
    before = (record("x", "naive"),)
    bad, _ = cell(finished(FAIL, before=before))
    good, _ = cell(finished(PASS, before=before))
    ((_, lines, left),) = bad["before"]
    assert (len(lines) > 3, left, "before" in good) == (True, 0, False)


# ---- thresholds ------------------------------------------------------------------------------------------------------


def table(*cases: CaseFinished, gate: tuple[str, ...] = (), tries: int = 1, count: int | None = None) -> Table:
    made = Table()
    for event in run_of(cases):
        made.take(event)
    made.run = msgspec.structs.replace(made.run, gate=gate, tries=tries, cases=len(cases) if count is None else count)
    return made


def limits(made: Table) -> list[tuple[str, int, str, bool]]:
    return [(one.name, one.observed, one.told, one.is_kept) for one in thresholds(made)]


def test_without_a_gate_every_client_decides() -> None:
    made = table(ended(FAIL), ended(UNKNOWN, client="other"))
    assert gate_of(made) == ("naive", "other")
    assert limits(made) == [
        ("failures of any client", 1, "≤ 0", False),
        ("cases of any client that nobody can judge", 1, "≤ 0", False),
        ("cases that finished", 2, "≥ 2", True),
    ]


def test_clients_outside_the_gate_are_told_and_decide_nothing() -> None:
    made = table(ended(FAIL), ended(PASS, client="mine"), ended(FAIL, client="third"), gate=("mine",))
    assert limits(made)[0] == ("failures of mine", 0, "≤ 0", True)
    assert limits(made)[-1] == ("failures of the other 2 clients", 2, "no limit", True)


def test_a_gate_of_clients_that_did_not_run_is_no_gate() -> None:
    assert gate_of(table(ended(PASS), gate=("gone",))) == ("naive",)


def test_a_gate_of_several_is_counted() -> None:
    made = table(ended(PASS), ended(PASS, client="b"), ended(PASS, client="c"), gate=("naive", "b"))
    assert limits(made)[0][0] == "failures of 2 clients"


def test_known_failures_and_tries_have_thresholds_only_where_there_are_any() -> None:
    known = Known(law="SP02")
    made = table(ended(PASS, known=known), ended(FAIL, scenario="f.b", known=known), tries=3)
    assert limits(made)[3:] == [
        ("known failures that passed", 1, "≤ 0", False),
        ("failures that were known", 1, "no limit", True),
        ("cases with different verdicts in up to 3 tries", 0, "no limit", True),
    ]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (table(), "0 clients met 0 scenarios, and no case finished."),
        (table(ended(PASS)), "1 client met 1 scenario: every one passed all that concerns it."),
        (table(ended(FAIL)), "1 client met 1 scenario: naive failed, in 1 case."),
        (table(ended(FAIL), ended(FAIL, client="b")), "2 clients met 1 scenario: 2 of them failed, in 2 cases."),
        (
            table(ended(UNKNOWN)),
            "1 client met 1 scenario: nothing failed that decides, and of 1 case nobody can say.",
        ),
        (table(ended(PASS), count=5), "1 client met 1 scenario: nothing failed, but only 1 of 5 cases finished."),
        (
            table(ended(PASS, client="b"), ended(FAIL), gate=("b",)),
            "2 clients met 1 scenario: b, which decides, passed all that concerns it; naive failed in 1 case.",
        ),
        (
            table(
                ended(PASS, client="b"),
                ended(PASS, client="c"),
                *(ended(FAIL, client=one) for one in "xyz"),
                gate=("b", "c"),
            ),
            "5 clients met 1 scenario: each that decides passed all that concerns it; 3 others failed in 3 cases.",
        ),
        (
            table(ended(PASS, known=Known(law="SP02"))),
            "1 client met 1 scenario: naive failed, in 1 case.",
        ),
    ],
)
def test_one_sentence_says_how_it_went(made: Table, told: str) -> None:
    assert sentence(made) == told


# ---- the matrix ------------------------------------------------------------------------------------------------------


def test_the_matrix_has_a_letter_for_each_case_and_words_for_those_that_did_not_pass() -> None:
    made = table_of([ended(FAIL), ended(PASS, client="b"), ended(SKIP, "SP04", scenario="f.x", harm="")])
    told = overview.overview(made, WORDS, None)
    assert told["stands"] == "fps."
    assert [told["laws"][place] if place >= 0 else "" for place in told["law"]] == ["SP02", ""]
    assert told["changed"] is None
    assert [told["texts"][place] for place in told["harm"]] == ["the user saw 41% of the answer", ""]
    assert told["chapters"][0] == {
        "id": "cutoff",
        "title": "Cut off",
        "scenarios": ["cutoff.fin"],
        "numbers": ["10.5"],
    }


def test_a_flaky_case_is_in_the_matrix_by_its_place() -> None:
    told = overview.overview(table_of([ended(PASS), several(FAIL, PASS, scenario="f.x")]), WORDS, None)
    assert told["flaky"] == [1]


def test_the_policy_that_every_client_is_judged_by_is_told() -> None:
    made = table_of([ended(PASS)])
    made.run = msgspec.structs.replace(made.run, policy=Policy.RAISE)
    assert overview.overview(made, WORDS, None)["options"] == [" --policy raise"]


def test_a_client_that_is_not_found_by_its_name_is_told_with_what_finds_it() -> None:
    made = table_of([ended(PASS), ended(FAIL, client="mine")])
    made.run = msgspec.structs.replace(made.run, asked_for={"naive": "naive", "mine": "cmd:node mine.mjs"})
    assert overview.overview(made, WORDS, None)["options"] == ["", " --client 'cmd:node mine.mjs'"]


def side(*cases: CaseFinished, seed: str = "1", date: str = "") -> Side:
    made = table_of(cases, seed)
    made.run = msgspec.structs.replace(made.run, date=date)
    return Side(name="before.jsonl", run=made)


def test_what_changed_is_told_by_the_law_that_decided() -> None:
    before = side(ended(PASS), ended(FAIL, "SP02", scenario="f.a"), ended(FAIL, "SP03", scenario="f.b"))
    now = table_of(
        [
            ended(FAIL),
            ended(FAIL, "SP02", "SP03", scenario="f.a"),
            ended(FAIL, "SP02", "SP03", scenario="f.b"),
            ended(FAIL, scenario="f.new"),
        ]
    )
    changed = overview.changes(before, now)
    assert changed == {("cutoff.fin", "naive"): Kind.BROKEN, ("f.b", "naive"): Kind.LAW}
    told = overview.overview(now, WORDS, changed)
    assert [(place, told["kinds"][kind]) for place, kind in told["changed"]] == [
        (0, "newly failing"),
        (2, "failing by other laws"),
    ]


# ---- over time -------------------------------------------------------------------------------------------------------


def test_the_trend_goes_from_the_oldest_run_to_this_one() -> None:
    old = side(ended(FAIL), ended(FAIL, scenario="f.b"), date="2026-01-01T00:00:00Z")
    newer = side(ended(FAIL), date="2026-02-01T00:00:00Z")
    points = trend([newer, old], table_of([ended(PASS)]), "naive")
    assert [(one.name, one.failed) for one in points] == [("2026-01-01", 2), ("2026-02-01", 1), ("this run", 0)]
    assert [one.x for one in points] == [3, 60, 117]
    assert points[0].y < points[1].y < points[2].y <= HEIGHT
    assert points[0].at == "3,3"


def test_a_run_without_the_client_is_no_point_and_one_point_is_no_trend() -> None:
    assert trend([side(ended(PASS, client="b")), side(ended(SKIP))], table_of([ended(PASS)]), "naive") == []


def test_a_client_that_never_failed_has_a_flat_trend() -> None:
    points = trend([side(ended(PASS))], table_of([ended(PASS)]), "naive")
    assert [(one.name, one.y) for one in points] == [("before.jsonl", 21), ("this run", 21)]


# ---- earlier runs ----------------------------------------------------------------------------------------------------


def written(name: str, events: list[Event]) -> str:
    out = StringIO()
    reporter = catalog.reporter(name)(out)
    for event in events:
        reporter.take(event)
    return out.getvalue()


CASES = (
    ended(PASS),
    ended(FAIL, client="b"),
    ended(UNKNOWN, "SP22", scenario="f.x"),
    several((UNKNOWN, "SP22"), PASS, scenario="f.y"),
    several((FAIL, "SP02"), PASS, scenario="f.z"),
    msgspec.structs.replace(ended(SKIP), scenario="f.s", why="not its business"),
)


def test_a_kept_matrix_tells_the_same_as_the_history_that_it_was_made_of(tmp_path: Path) -> None:
    history, matrix = tmp_path / "a.jsonl", tmp_path / "a.matrix.json"
    with_record = [msgspec.structs.replace(one, record=record("x", one.client)) for one in CASES]
    history.write_text(written("jsonl", run_of(with_record)), "utf-8")
    matrix.write_text(written("matrix", run_of(with_record)), "utf-8")
    both = [earlier.read(path).run for path in (history, matrix)]
    told = [
        {
            (case.scenario, case.client): (case.verdict, case.finding.law if case.finding else "", case.is_flaky)
            for case in run.cases()
        }
        for run in both
    ]
    assert told[0] == told[1]
    assert all(case.record is None for run in both for case in run.cases())
    assert overview.changes(Side(name="a", run=both[1]), both[0]) == {}


@pytest.mark.parametrize("text", ["[]", "{", '{"seed": 1}', '{"counts": {}, "cells": 3}'])
def test_what_is_no_matrix_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="no matrix of a run"):
        earlier.read(path)


def test_a_matrix_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        earlier.read(tmp_path / "none.json")


# ---- the whole page --------------------------------------------------------------------------------------------------


def page(events: list[Event], set_up: Callable[[Comparing], None] | None = None) -> str:
    out = StringIO()
    reporter = catalog.reporter("html")(out)
    assert isinstance(reporter, Comparing)
    if set_up is not None:
        set_up(reporter)
    for event in events:
        reporter.take(event)
    return out.getvalue()


def test_each_cell_is_packed_with_its_chapter_at_its_place() -> None:
    text = page(run_with(broke(), broke("framing.plain", "b")))
    assert set(block_in(text, "chapter-cutoff")["cells"]) == {"0"}
    assert set(block_in(text, "chapter-framing")["cells"]) == {"3"}
    assert overview_in(text)["chapters"][0]["title"].startswith("The stream stops before its end")


def test_a_case_of_which_the_run_never_spoke_is_left_out() -> None:
    started, *_, end = run_with(broke())
    assert block_in(page([started, broke("cutoff.other"), broke(), end]), "chapter-cutoff")["cells"].keys() == {"0"}


def test_what_changed_and_how_it_went_is_there_when_there_is_something_to_compare_with() -> None:
    now = run_of([ended(FAIL)])
    plain = page(now)
    compared = page(now, lambda reporter: reporter.compare(side(ended(PASS)), [side(ended(PASS))]))
    assert overview_in(plain)["changed"] is None
    assert overview_in(compared)["changed"] == [[0, 0]]
    pictures = [html.fromstring(one).findall(".//td[@class='trend']/svg") for one in (plain, compared)]
    assert [len(one) for one in pictures] == [0, 1]
    assert pictures[1][0].get("aria-label") == "Failures: 0 in before.jsonl, 1 in this run"


def test_half_a_character_in_a_text_is_kept() -> None:
    text = page(hostile_run("\ud83d and \udc80"))
    texts = block_in(text, "chapter-family")["texts"]
    assert "\ud83d and \udc80" in texts


def test_the_page_loads_nothing() -> None:
    text = page(hostile_run("x"))
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)
    assert "@import" not in text
    assert "url(" not in text


def test_every_script_module_is_in_the_page_once() -> None:
    text = page(hostile_run("x"))
    (script,) = (one.text or "" for one in html.fromstring(text).iterfind(".//script[@type='module']"))
    assert not re.search(r"^(?:import|export) ", script, re.MULTILINE)
    assert [script.count(f"function {name}(") for name in ("lanes", "unpacked", "matrix", "showCase")] == [1, 1, 1, 1]
