"""Every report, made of a run whose payloads try to break out of it."""

from __future__ import annotations

import re
import unicodedata
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from lxml import etree, html
from markdown_it import MarkdownIt

from fake_server.record import Ended, Replied, Requested, Sent, Struck
from harness import catalog
from harness.events import CaseFinished, Event, RunFinished, RunStarted
from harness.history import CaseInfo, Record
from harness.journal import read
from harness.model import (
    Capability,
    ErrorSeen,
    Expect,
    Finished,
    Level,
    Limits,
    Noticed,
    Outcome,
    Policy,
    Shown,
    ToolUse,
)
from harness.receiver import Called, Showed
from harness.verdict import Ruling, Verdict

DATA = Path(__file__).parent.parent / "data"
SCHEMA = etree.XMLSchema(etree.parse(DATA / "junit-10.xsd"))
PAYLOADS = {
    "script": "<script>alert(1)</script>",
    "attribute": "\" onmouseover='alert(1)' x=\"",
    "escape": "\x1b[2J\x1b]0;owned\x07",
    "nul": "a\x00b",
    "surrogates": "\ud83d and \udc80",
    "override": "\u202efdp.exe\u2066",
    "cells": "a | b || c",
    "backticks": "`` ` ```\n```",
    "cdata": "]]><!--x--><?php ?>",
    "newlines": "one\ntwo\r\n\r\n| three |\u2028four",
    "template": "{{ 7 * 7 }}{% raw %}",
    "markup": "[/x] [bold] [link=http://a]",
    "links": "![a](http://b) <http://c> http://d",
    "nonsense": "\uffff\ufffe\ufdd0\ufeff",
}
HTML = (
    """html head meta title style body h1 h3 p span code strong table thead tbody tr th td a section details summary"""
)
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
Run = list[Event]

every_payload = pytest.mark.parametrize("payload", [pytest.param(text, id=name) for name, text in PAYLOADS.items()])
every_place = pytest.mark.parametrize("place", ["wire", "client", "seed"])


def record(payload: str, client: str) -> Record:
    """A history with ``payload`` wherever a server or a client can put it."""
    info = CaseInfo(
        id=f"family.name@{client}:1",
        scenario="family.name",
        client=client,
        seed="1",
        title="It breaks.",
        policy=Policy.RAISE,
        level=Level.MUST,
        expect=Expect(),
        texts=(payload,),
        limits=Limits(),
        max_attempts=5,
        capabilities=tuple(sorted(Capability)),
        sources=("owner/repo#1",),
    )
    data = payload.encode("utf-8", "surrogatepass")
    error = ErrorSeen(name=payload, message=payload, typed=False, kind=payload, partial=payload)
    return Record(
        info=info,
        server=(
            Requested(
                t=0, attempt=1, method=payload, path=payload, headers={payload: payload}, body=payload, streams=True
            ),
            Replied(t=0, attempt=1, step=1, status=200, headers={payload: payload}, faults=[payload], problem=payload),
            Sent(t=0, attempt=1, data=data, size=len(data), total=len(data), event=payload),
            Struck(t=0, attempt=1, fault=payload, note=payload, total=1),
            Ended(t=0, attempt=1, how="end", total=1),
        ),
        client=(
            Noticed(what=payload),
            Shown(text=payload),
            Finished(
                outcome=Outcome.FAILED,
                text=payload,
                stop_reason=payload,
                tools=(ToolUse(payload, {payload: 1}),),
                error=error,
                undelivered=error,
            ),
        ),
        receiver=(
            Called(
                t=0, number=1, method=payload, about=payload, text=payload, status=200, error=payload, fault=payload
            ),
            Showed(t=0, messages=(payload, payload)),
        ),
    )


def run_of(payload: str, client: str = "naive", seed: str = "1") -> Run:
    """A run with one failed, one unknown and one skipped case."""

    def case(name: str, verdict: Verdict) -> CaseFinished:
        judged = verdict is not Verdict.SKIP
        return CaseFinished(
            case=f"family.{name}@{client}:{seed}",
            scenario=f"family.{name}",
            client=client,
            verdict=verdict,
            rulings=(Ruling(verdict=verdict, harm=f"the user saw {payload}", law="SP03"),) if judged else (),
            why=payload,
            record=record(payload, client) if judged else None,
            seconds=0.25,
        )

    verdicts = {"first": Verdict.FAIL, "second": Verdict.UNKNOWN, "third": Verdict.SKIP}
    scenarios = tuple(f"family.{name}" for name in verdicts)
    return [
        RunStarted(seed=seed, clients=(client,), versions={client: payload}, scenarios=scenarios, cases=len(scenarios)),
        *(case(name, verdict) for name, verdict in verdicts.items()),
        RunFinished(counts={client: dict.fromkeys(verdicts.values(), 1)}, seconds=0.75),
    ]


def report(name: str, run: Run) -> str:
    out = StringIO()
    reporter = catalog.reporter(name)(out)
    for event in run:
        reporter.take(event)
    return out.getvalue()


def hostile(payload: str, place: str) -> Run:
    """A run with the payload on the wire, as the name of its client, or as its seed."""
    match place:
        case "client":
            return run_of("x", client=payload)
        case "seed":
            return run_of("x", seed=payload)
        case _:
            return run_of(payload)


def hidden(text: str) -> set[str]:
    return {char for char in text if unicodedata.category(char) in HIDDEN} - {"\n"}


def tags(page: html.HtmlElement) -> set[str]:
    return {element.tag for element in page.iter()}


def written(source: str) -> html.HtmlElement:
    """Markdown as a forge shows it."""
    return html.fromstring(MarkdownIt("commonmark", {"html": True}).enable("table").render(source))


@every_payload
@every_place
@pytest.mark.parametrize("name", ["console", "html", "junit", "markdown"])
def test_what_would_hide_is_made_visible_in_every_report(name: str, place: str, payload: str) -> None:
    text = report(name, hostile(payload, place))
    assert hidden(text) == set()
    assert text.encode().decode() == text


@every_payload
@every_place
def test_no_payload_becomes_an_element_of_the_html(place: str, payload: str) -> None:
    page = html.fromstring(report("html", hostile(payload, place)))
    assert tags(page) == tags(html.fromstring(report("html", run_of("x"))))
    assert {name for element in page.iter() for name in element.attrib if name.startswith("on")} == set()


@every_payload
def test_every_link_of_the_html_leads_to_its_case(payload: str) -> None:
    page = html.fromstring(report("html", run_of("x", client=payload)))
    places = [element.get("id") for element in page.iter("section")]
    assert [element.get("href") for element in page.iter("a")] == [f"#{place}" for place in places]
    assert len(set(places)) == 3


@every_payload
@every_place
def test_the_junit_report_follows_its_schema(place: str, payload: str) -> None:
    SCHEMA.assertValid(etree.fromstring(report("junit", hostile(payload, place)).encode()))


def test_the_junit_report_counts_failures_errors_and_skips() -> None:
    (suite,) = etree.fromstring(report("junit", run_of("x")).encode())
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["3", "1", "1", "1"]
    assert [[child.tag for child in case] for case in suite.iter("testcase")] == [["failure"], ["error"], ["skipped"]]


@every_payload
@every_place
def test_no_payload_becomes_an_element_of_the_markdown(place: str, payload: str) -> None:
    source = report("markdown", hostile(payload, place))
    assert tags(written(source)) == tags(written(report("markdown", run_of("x"))))
    assert "<script" not in source


@every_payload
@every_place
def test_no_payload_breaks_a_table_of_the_markdown(place: str, payload: str) -> None:
    rows = [line for line in report("markdown", hostile(payload, place)).splitlines() if line.startswith("| family.")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [5, 5]


@every_payload
def test_the_findings_of_the_markdown_can_be_replayed(payload: str) -> None:
    run = run_of("x", client=payload)
    cells = [row.findall("td") for row in written(report("markdown", run)).iter("tr")]
    replays = [row[3].text_content() for row in cells if len(row) == 4]
    assert len(replays) == 2
    assert all(one.startswith("streamproof replay ") and "family." in one and ":1" in one for one in replays)


@every_payload
@every_place
def test_no_payload_adds_a_line_to_the_console(place: str, payload: str) -> None:
    harmless = report("console", run_of("x"))
    assert report("console", hostile(payload, place)).count("\n") == harmless.count("\n")


@pytest.mark.parametrize("place", ["wire", "client", "seed"])
@pytest.mark.parametrize("payload", ["[/x]", "[bold]", "[red]b[/red]", ":smile:"])
def test_the_console_prints_what_looks_like_its_own_markup_as_it_is(place: str, payload: str) -> None:
    said = {"wire": f"\nnaive {payload};", "client": f" {payload} ", "seed": f"seed {payload}\n"}[place]
    assert said in report("console", hostile(payload, place))


@every_payload
def test_the_history_holds_every_payload_that_can_be_said_in_utf_8(tmp_path: Path, payload: str) -> None:
    run = run_of(payload, client=payload)
    path = tmp_path / "history.jsonl"
    path.write_text(report("jsonl", run), "utf-8")
    assert list(read(path)) == run


@pytest.mark.parametrize("name", ["console", "html", "jsonl", "junit", "markdown"])
def test_a_run_without_a_case_has_a_report(name: str) -> None:
    nothing = RunStarted(seed="1", clients=("naive",), versions={}, scenarios=("family.name",), cases=1)
    assert report(name, [nothing, RunFinished(counts={}, interrupted=True)])


def test_a_case_that_did_not_finish_is_told_from_one_that_passed() -> None:
    started, first, *_, end = run_of("x")
    page = html.fromstring(report("html", [started, first, end]))
    assert [cell.text_content().strip() for cell in page.iterfind(".//td")][1:3] == ["not run", "not run"]


@pytest.mark.parametrize("name", ["console", "html", "markdown"])
def test_an_interrupted_run_says_so(name: str) -> None:
    *run, _ = run_of("x")
    assert "interrupted" in report(name, [*run, RunFinished(counts={}, interrupted=True)])


@pytest.mark.parametrize("name", ["console", "html"])
def test_a_run_that_could_not_tell_its_time_is_not_said_to_have_taken_none(name: str) -> None:
    *events, end = run_of("x")
    text = report(name, [*events, msgspec.structs.replace(end, seconds=None)])
    assert "an unknown time" in text
    assert "0.0 s" not in text.partition("details")[0]
