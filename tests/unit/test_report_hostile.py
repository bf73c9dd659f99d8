"""Every report, made of a run whose payloads try to break out of it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import msgspec
import pytest
from lxml import etree, html
from markdown_it import MarkdownIt
from reporting import every_payload, every_place, hidden, hostile, overview_in, report, run_of

from harness import catalog
from harness.events import RunFinished, RunStarted
from harness.journal import read

DATA = Path(__file__).parent.parent / "data"
SCHEMA = etree.XMLSchema(etree.parse(DATA / "junit-10.xsd"))


def tags(page: html.HtmlElement) -> set[str]:
    return {element.tag for element in page.iter()}


def written(source: str) -> html.HtmlElement:
    """Markdown as a forge shows it."""
    return html.fromstring(MarkdownIt("commonmark", {"html": True}).enable("table").render(source))


def edges(source: str) -> list[int]:
    """How many edges of cells each row of a table has in Markdown."""
    return [len(re.findall(r"(?<!\\)\|", line)) for line in source.splitlines() if line.startswith("|")]


@every_payload
@every_place
@pytest.mark.parametrize("name", sorted({*catalog.names("reports")} - {"jsonl"}))
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
def test_the_findings_of_the_html_can_be_replayed_without_a_script(payload: str) -> None:
    page = html.fromstring(report("html", run_of("x", client=payload)))
    replays = [element.text_content() for element in page.iterfind(".//noscript//code")]
    assert len(replays) == 2
    assert all(one.startswith("streamproof replay ") and "family." in one and ":1" in one for one in replays)


@every_payload
@every_place
def test_the_policy_of_the_html_allows_its_own_script_and_nothing_else(place: str, payload: str) -> None:
    page = html.fromstring(report("html", hostile(payload, place)))
    (policy,) = (one.get("content") for one in page.iterfind(".//meta[@http-equiv]"))
    (script,) = (one.text for one in page.iterfind(".//script[@type='module']"))
    (style,) = (one.text for one in page.iter("style"))
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; base-uri 'none'; "
        "form-action 'none'"
    )
    assert not [name for element in page.iter() for name in element.attrib if name == "style"]


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
    assert edges(report("markdown", hostile(payload, place))) == edges(report("markdown", run_of("x")))


@every_payload
def test_the_findings_of_the_markdown_can_be_replayed(payload: str) -> None:
    run = run_of("x", client=payload)
    cells = [row.findall("td") for row in written(report("markdown", run)).iter("tr")]
    replays = [row[3].text_content() for row in cells if len(row) == 4]
    assert len(replays) == 2
    assert all(one.startswith("streamproof replay ") and "family." in one and ":1" in one for one in replays)


@every_payload
@every_place
@pytest.mark.parametrize("name", ["console", "marks"])
def test_no_payload_adds_a_line_to_what_is_printed(name: str, place: str, payload: str) -> None:
    harmless = report(name, run_of("x"))
    assert report(name, hostile(payload, place)).count("\n") == harmless.count("\n")


@pytest.mark.parametrize("payload", ["[/x]", "[bold]", "[red]b[/red]", ":smile:"])
@pytest.mark.parametrize(
    ("name", "place", "said"),
    [
        ("console", "wire", "the user saw {}\n"),
        ("console", "client", " {} "),
        ("console", "seed", "seed {}\n"),
        ("marks", "wire", "\nnaive {};"),
        ("marks", "client", " {} "),
        ("marks", "seed", "seed {}\n"),
    ],
)
def test_what_looks_like_markup_is_printed_as_it_is(name: str, place: str, said: str, payload: str) -> None:
    assert said.format(payload) in report(name, hostile(payload, place))


@every_payload
def test_the_history_holds_every_payload_that_can_be_said_in_utf_8(tmp_path: Path, payload: str) -> None:
    run = run_of(payload, client=payload)
    path = tmp_path / "history.jsonl"
    path.write_text(report("jsonl", run), "utf-8")
    assert list(read(path)) == run


@pytest.mark.parametrize("name", sorted({*catalog.names("reports")} - {"github", "ndjson"}))
def test_a_run_without_a_case_has_a_report(name: str) -> None:
    nothing = RunStarted(seed="1", clients=("naive",), versions={}, scenarios=("family.name",), cases=1)
    assert report(name, [nothing, RunFinished(counts={}, interrupted=True)])


def test_a_case_that_did_not_finish_is_told_from_one_that_passed() -> None:
    started, first, *_, end = run_of("x")
    assert overview_in(report("html", [started, first, end]))["stands"] == "f.."


@pytest.mark.parametrize("name", ["console", "html", "markdown", "marks"])
def test_an_interrupted_run_says_so(name: str) -> None:
    *run, _ = run_of("x")
    assert "interrupted" in report(name, [*run, RunFinished(counts={}, interrupted=True)])


@pytest.mark.parametrize("name", ["console", "html", "marks"])
def test_a_run_that_could_not_tell_its_time_is_not_said_to_have_taken_none(name: str) -> None:
    *events, end = run_of("x")
    text = report(name, [*events, msgspec.structs.replace(end, seconds=None)])
    assert "an unknown time" in text
    assert "0.0 s" not in text.partition("details")[0]
