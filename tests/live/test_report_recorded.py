"""Every report, made of one recorded run."""

from __future__ import annotations

import asyncio
from io import StringIO
from pathlib import Path

import pytest
from lxml import etree, html
from reporting import block_in, overview_in

from harness import catalog, engine
from harness.events import CaseFinished, Event
from harness.journal import read
from harness.plan import plan
from harness.verdict import Verdict

SELECT = "completion.plain or cutoff.fin or encoding or tool_call"
SCHEMA = Path(__file__).parent.parent / "data" / "junit-10.xsd"


@pytest.fixture(scope="session")
def recorded() -> list[Event]:
    """The events of a run of two clients."""
    adapters = [catalog.adapter("naive"), catalog.adapter("bundled")]
    planned = plan(catalog.scenarios(), adapters, seed="7", select=SELECT)

    async def run() -> list[Event]:
        return [event async for event in engine.run(planned, catalog.laws())]

    return asyncio.run(run())


@pytest.fixture(scope="session")
def cases(recorded: list[Event]) -> list[CaseFinished]:
    return [event for event in recorded if isinstance(event, CaseFinished)]


def report(name: str, run: list[Event]) -> str:
    out = StringIO()
    reporter = catalog.reporter(name)(out)
    for event in run:
        reporter.take(event)
    return out.getvalue()


def test_the_junit_report_validates_and_has_every_case(recorded: list[Event], cases: list[CaseFinished]) -> None:
    tree = etree.fromstring(report("junit", recorded).encode())
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(tree)
    assert len(list(tree.iter("testcase"))) == len(cases)


@pytest.mark.parametrize(
    ("tag", "verdict"), [("failure", Verdict.FAIL), ("error", Verdict.UNKNOWN), ("skipped", Verdict.SKIP)]
)
def test_the_junit_report_tells_verdicts_apart(
    recorded: list[Event], cases: list[CaseFinished], tag: str, verdict: Verdict
) -> None:
    tree = etree.fromstring(report("junit", recorded).encode())
    bad = {f"{one.getparent().get('classname')}.{one.getparent().get('name')}" for one in tree.iter(tag)}
    assert bad == {f"{one.client}.{one.scenario}" for one in cases if one.verdict is verdict}


def test_the_html_report_has_a_place_for_every_case(recorded: list[Event], cases: list[CaseFinished]) -> None:
    page = report("html", recorded)
    families = {one.scenario.partition(".")[0] for one in cases}
    kept = [cell for family in families for cell in block_in(page, f"chapter-{family}")["cells"].values()]
    assert len(kept) == len(cases) == len(overview_in(page)["stands"])
    assert "." not in overview_in(page)["stands"]


def test_the_html_report_loads_nothing(recorded: list[Event]) -> None:
    page = html.fromstring(report("html", recorded))
    assert {"img", "link", "iframe", "object", "form"}.isdisjoint(element.tag for element in page.iter())
    assert not [element.tag for element in page.iter() if {"src", "href"} & {*element.attrib}]


def test_the_html_report_says_what_every_failure_did(recorded: list[Event], cases: list[CaseFinished]) -> None:
    text = html.fromstring(report("html", recorded)).text_content()
    assert [one.case for one in cases if one.finding and one.finding.harm not in text] == []


@pytest.mark.parametrize("name", ["markdown", "marks", "html"])
def test_every_finding_can_be_replayed_from_the_report(
    recorded: list[Event], cases: list[CaseFinished], name: str
) -> None:
    text = report(name, recorded)
    bad = [one.case for one in cases if one.verdict in (Verdict.FAIL, Verdict.UNKNOWN)]
    assert bad
    shown = text.replace("\\", "")
    assert [case for case in bad if f"streamproof replay {case}" not in shown] == []


def test_markdown_and_marks_have_the_totals_of_the_run(recorded: list[Event], cases: list[CaseFinished]) -> None:
    passed = sum(one.verdict is Verdict.PASS and one.client == "bundled" for one in cases)
    assert f"**{passed} ✓" in report("markdown", recorded)
    assert f"{passed} of " in report("marks", recorded)


def test_a_report_made_of_the_history_is_the_one_made_of_the_run(recorded: list[Event], tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(report("jsonl", recorded), "utf-8")
    again = list(read(path))
    for name in catalog.names("reports"):
        assert report(name, again) == report(name, recorded)


def test_the_order_in_which_cases_finish_does_not_show(recorded: list[Event], cases: list[CaseFinished]) -> None:
    shuffled = [event for event in recorded if event not in cases]
    shuffled[1:1] = reversed(cases)
    for name in {*catalog.names("reports")} - {"jsonl", "ndjson"}:  # these are written as cases finish
        assert report(name, shuffled) == report(name, recorded)
