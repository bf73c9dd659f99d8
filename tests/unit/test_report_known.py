"""Every report, made of a run with known failures and with cases that were tried more than once."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
from fabricated import FAIL, HARM, PASS, SKIP, UNKNOWN, ended, run_of, several
from lxml import etree, html

from harness import catalog
from harness.events import CaseFinished
from harness.execute import status_of
from harness.journal import read
from harness.reporter import Table
from harness.standing import Known

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent.parent / "data" / "junit-10.xsd"))
KNOWN, UNEXPLAINED = Known(law="SP02", reason="read over a clean end"), Known(law="SP02")
CASES = {
    "new": ended(FAIL, scenario="f.new"),
    "known": ended(FAIL, scenario="f.known", known=KNOWN),
    "unexplained": ended(FAIL, scenario="f.unexplained", known=UNEXPLAINED),
    "other": ended(FAIL, "SP03", scenario="f.other", known=KNOWN),
    "fixed": ended(PASS, scenario="f.fixed", known=KNOWN),
    "unproven": ended(UNKNOWN, scenario="f.unproven", known=KNOWN),
    "skipped": ended(SKIP, scenario="f.skipped", known=KNOWN),
    "flaky_fail": several((FAIL, "SP02"), PASS, scenario="f.flaky_fail"),
    "second_try": several((UNKNOWN, "SP22"), PASS, scenario="f.second_try"),
    "flaky_known": several((FAIL, "SP02"), PASS, scenario="f.flaky_known", known=KNOWN),
    "at_times": ended(PASS, scenario="f.at_times", known=Known(law="SP02", reason="a race", flaky=True)),
    "pass": ended(PASS, scenario="f.pass"),
}
TOLD = (
    "known failures: 3 failed as known, 1 by another law, 1 passed: remove from the file, 1 passed this time (flaky), "
    "2 neither confirmed nor refuted (unknown or skipped), 1 without a reason"
)
every_report = pytest.mark.parametrize("name", ["html", "junit", "markdown", "marks"])


def report(name: str, cases: Sequence[CaseFinished] = tuple(CASES.values())) -> str:
    out = StringIO()
    reporter = catalog.reporter(name)(out)
    for event in run_of(cases):
        reporter.take(event)
    return out.getvalue()


def plain_text(name: str, cases: Sequence[CaseFinished] = tuple(CASES.values())) -> str:
    text = report(name, cases)
    if name != "html":
        return text.replace("\\", "")
    page = html.fromstring(text)
    etree.strip_elements(page, "script", "style", with_tail=False)
    return page.text_content()


def junit(*names: str) -> etree._Element:
    tree = etree.fromstring(report("junit", [CASES[name] for name in names] or list(CASES.values())).encode())
    SCHEMA.assertValid(tree)
    return tree


@every_report
def test_every_verdict_of_a_flaky_case_is_told(name: str) -> None:
    text = plain_text(name)
    assert "fail SP02, pass" in text


@every_report
def test_a_known_failure_is_told_with_its_reason(name: str) -> None:
    assert "known failure: read over a clean end" in plain_text(name)
    assert "known failure: no reason is given" in plain_text(name)


@every_report
def test_a_known_failure_that_passed_or_failed_otherwise_is_told(name: str) -> None:
    assert "known to fail by SP02, and passes now: remove its entry" in plain_text(name)
    assert "known to fail by SP02; this is another failure" in plain_text(name)


@every_report
def test_an_entry_that_is_neither_confirmed_nor_refuted_is_told(name: str) -> None:
    assert "known to fail by SP02, which this neither confirms nor refutes" in plain_text(name)


@pytest.mark.parametrize("name", ["console", "html", "markdown", "marks"])
def test_what_came_of_the_entries_is_summed_up(name: str) -> None:
    assert TOLD in plain_text(name)


@pytest.mark.parametrize("name", ["console", "html", "markdown", "marks"])
def test_the_number_of_flaky_cases_is_told(name: str) -> None:
    assert "2 flaky" in plain_text(name)


@pytest.mark.parametrize("name", ["console", "html", "junit", "markdown", "marks"])
def test_a_run_of_single_tries_of_which_nothing_was_known_says_nothing_of_either(name: str) -> None:
    text = plain_text(name, [CASES["new"], CASES["pass"]])
    assert "flaky" not in text
    assert "known failure" not in text


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("new", "failure"),
        ("known", "skipped"),
        ("other", "failure"),
        ("fixed", "failure"),
        ("unproven", "error"),
        ("skipped", "skipped"),
        ("flaky_fail", "failure"),
        ("flaky_known", "skipped"),
        ("second_try", "system-out"),
        ("at_times", "system-out"),
    ],
)
def test_junit_has_each_as_pytest_has_it(name: str, tag: str) -> None:
    ((_, case),) = junit(name)
    assert [child.tag for child in case] == [tag]


def test_junit_counts_what_it_has() -> None:
    (suite,) = junit()
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["12", "4", "1", "4"]
    for tag, count in (("failure", 4), ("error", 1), ("skipped", 4)):
        assert len(list(suite.iter(tag))) == count


def test_junit_says_of_a_known_failure_what_its_user_saw() -> None:
    ((_, case),) = junit("known")
    assert case[0].get("message") == f"known failure: read over a clean end (SP02: {HARM})"


def test_the_matrix_of_marks_marks_each() -> None:
    strip = next(line for line in report("marks").splitlines() if line.startswith("f "))
    assert strip.split() == ["f", "✗xx✗!?–✗✓x✓✓"]


def test_the_matrix_of_the_markdown_counts_each() -> None:
    assert "| f | 3 ✓ 3 ✗ 1 ? 1 – 3 x 1 ! |" in report("markdown")


def test_known_failures_are_no_findings() -> None:
    assert "naive: 5 findings" in report("markdown")


@pytest.mark.parametrize(
    "payload", ["<script>alert(1)</script>", "\x1b[2J", "a | b", "\ud83d", "]]>", "a\nb", "\u202e"]
)
@pytest.mark.parametrize("name", ["console", "html", "junit", "markdown", "marks"])
def test_a_hostile_entry_breaks_no_report(name: str, payload: str) -> None:
    known = Known(law=payload, reason=payload)
    cases = [ended(PASS, known=known), ended(FAIL, payload, scenario="f.x", known=known), ended(SKIP, scenario="f.y")]
    text = report(name, cases)
    hidden = {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs"}} - {"\n"}
    assert hidden == set()
    assert name in ("console", "marks") or "<script>" not in text
    if name == "junit":
        SCHEMA.assertValid(etree.fromstring(text.encode()))


def test_a_report_of_the_history_is_the_one_of_the_run(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(report("jsonl"), "utf-8")
    assert list(read(path)) == run_of(list(CASES.values()))


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (["pass", "skipped", "known", "unexplained", "flaky_known", "second_try", "at_times"], 0),
        (["pass", "new"], 1),
        (["pass", "other"], 1),
        (["pass", "fixed"], 1),
        (["pass", "flaky_fail"], 1),
        (["known", "unproven"], 3),
        (["new", "unproven"], 1),
        (["skipped"], 3),
    ],
)
def test_the_exit_status_is_that_of_what_was_not_known(names: list[str], status: int) -> None:
    table = Table()
    for event in run_of([CASES[name] for name in names]):
        table.take(event)
    assert status_of(table, ("naive",)) == status


def test_a_gate_that_nobody_went_through_is_not_open() -> None:
    table = Table()
    for event in run_of([CASES["pass"]]):
        table.take(event)
    assert status_of(table, ("another",)) == 3


def test_annotations_are_made_of_what_somebody_has_to_look_at() -> None:
    lines = report("github").splitlines()
    about = {match[1]: line.split()[0] for line in lines if (match := re.search(r" in f\.(\w+)", line))}
    assert about == {
        "new": "::error",
        "other": "::error",
        "fixed": "::error",
        "flaky_fail": "::error",
        "unproven": "::warning",
    }


def test_code_scanning_is_told_of_a_known_failure_that_it_is_excused_and_why() -> None:
    results = json.loads(report("sarif"))["runs"][0]["results"]
    excused = [one for one in results if one["suppressions"]]
    assert {one["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] for one in excused} == {
        "f.known",
        "f.unexplained",
        "f.flaky_known",
    }
    assert {one["suppressions"][0]["justification"] for one in excused} == {KNOWN.reason, ""}


def test_code_quality_has_known_failures_as_information() -> None:
    entries = json.loads(report("gitlab"))
    assert {one["description"].split(":")[0].split()[-1]: one["severity"] for one in entries} == {
        "f.new": "critical",
        "f.other": "critical",
        "f.flaky_fail": "critical",
        "f.known": "info",
        "f.unexplained": "info",
        "f.flaky_known": "info",
    }


def test_log_lines_tell_how_a_case_stands_and_whether_it_is_flaky() -> None:
    lines = {one["scenario"].removeprefix("f."): one for one in map(json.loads, report("ndjson").splitlines())}
    assert {name: line["standing"] for name, line in lines.items()} == {
        name: str(case.standing) for name, case in CASES.items()
    }
    assert {name for name, line in lines.items() if line["flaky"]} == {"flaky_fail", "flaky_known"}


def test_metrics_count_what_somebody_has_to_look_at() -> None:
    (line,) = (one for one in report("prometheus").splitlines() if one.startswith("streamproof_cases_to_look_at{"))
    assert float(line.split()[-1]) == 5
