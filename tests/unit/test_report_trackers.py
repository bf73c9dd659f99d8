"""The reports for machines: SARIF, annotations, code quality, log pipelines and metrics."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator
from prometheus_client.parser import text_string_to_metric_families
from reporting import REAL, Run, broke, every_payload, every_place, hostile, report, run_of, run_with

from harness import catalog
from harness.broken import broken, definition
from harness.events import CaseFinished, RunFinished
from harness.execute import files_of
from harness.model import Level
from harness.plain import plain
from harness.verdict import Verdict
from reports import ndjson

DATA = Path(__file__).parents[1] / "data"
SARIF = Draft7Validator(
    json.loads((DATA / "sarif-schema-2.1.0.json").read_text("utf-8")), format_checker=Draft7Validator.FORMAT_CHECKER
)
every_level = pytest.mark.parametrize("level", list(Level))


def sarif(run: Run) -> dict[str, Any]:
    log = json.loads(report("sarif", run))
    SARIF.validate(log)
    (one,) = log["runs"]
    found: dict[str, Any] = one
    return found


def first_of(run: Run) -> CaseFinished:
    return next(event for event in run if isinstance(event, CaseFinished))


def fingerprints(case: CaseFinished) -> list[str]:
    return [one.fingerprint for one in broken(case)]


# ---- what all of them share ------------------------------------------------------------------------------------------


def test_no_two_reports_of_one_run_go_to_one_file() -> None:
    files = [suffix for name in catalog.names("reports") if (suffix := catalog.reporter(name).suffix)]
    assert len(set(files)) == len(files)


def test_what_is_for_the_standard_output_has_a_file_only_where_one_is_named() -> None:
    wanted = ["console", "github", "sarif", "github=told.txt", "prometheus"]
    usual = Path("reports/out")
    assert [*files_of(wanted)] == [usual / "report.sarif", Path("told.txt"), usual / "report.prom"]


def test_a_finding_has_the_same_fingerprint_whatever_the_seed_and_the_words() -> None:
    assert fingerprints(broke(seed="1")) == fingerprints(broke(seed="2"))


def test_findings_of_other_laws_clients_and_scenarios_have_other_fingerprints() -> None:
    cases = [broke(), broke(client="bundled"), broke("cutoff.clean_end_late_text"), broke("cutoff", "fin@naive")]
    found = [one for case in cases for one in fingerprints(case)]
    assert len(set(found)) == len(found) == 8


def test_a_fingerprint_never_changes() -> None:
    assert fingerprints(broke())[0] == "66f7d9d75f265638fd4668420a690971"


# ---- SARIF -----------------------------------------------------------------------------------------------------------


@every_payload
@every_place
def test_the_sarif_report_follows_its_schema(place: str, payload: str) -> None:
    run = sarif(hostile(payload, place))
    assert len(run["results"]) == len(run["invocations"][0]["toolExecutionNotifications"]) == 1


def test_a_sarif_report_that_breaks_the_schema_is_found_out() -> None:
    log = json.loads(report("sarif", run_with(broke())))
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert not SARIF.is_valid(log)


@every_payload
@every_place
def test_no_payload_becomes_a_link_or_a_placeholder_of_a_sarif_message(place: str, payload: str) -> None:
    run = sarif(hostile(payload, place))
    said = [one["message"]["text"] for one in run["results"] + run["invocations"][0]["toolExecutionNotifications"]]
    assert [text for text in said if re.search(r"\]\(|[{}]", re.sub(r"\{\{|\}\}", "", text))] == []


def test_every_law_is_a_rule_with_its_own_words() -> None:
    rules = {one["id"]: one["help"]["text"] for one in sarif(run_with(broke()))["tool"]["driver"]["rules"]}
    assert rules == {law.code: law.text for law in catalog.laws()}


@every_level
def test_every_broken_law_is_a_result_of_the_scenarios_level(level: Level) -> None:
    results = sarif(run_with(broke(level=level)))["results"]
    said = {Level.MUST: "error", Level.SHOULD: "warning", Level.INFO: "note"}[level]
    assert [(one["ruleId"], one["level"]) for one in results] == [("SP02", said), ("SP03", said)]


def test_what_is_unknown_is_told_of_and_is_no_result() -> None:
    run = sarif([event for event in run_of("x") if getattr(event, "verdict", None) is not Verdict.FAIL])
    (told,) = run["invocations"][0]["toolExecutionNotifications"]
    assert run["results"] == []
    assert "family.second: unknown: the user saw x" in told["message"]["text"]


def test_results_of_two_clients_in_one_place_are_told_apart_by_what_github_reads() -> None:
    results = sarif(run_with(broke(), broke(client="bundled")))["results"]
    prints = [one["partialFingerprints"]["primaryLocationLineHash"] for one in results]
    assert len({json.dumps(one["locations"]) for one in results}) == 1
    assert len(set(prints)) == 4


def test_a_result_points_at_the_line_of_its_scenario() -> None:
    (place,) = {json.dumps(one["locations"][0]["physicalLocation"]) for one in sarif(run_with(broke()))["results"]}
    found = definition(REAL)
    assert json.loads(place) == {
        "artifactLocation": {"uri": "scenarios/cutoff.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": found.line},
    }
    assert found.line > 1


@pytest.mark.parametrize("name", ["sarif", "gitlab", "github"])
@every_payload
def test_a_payload_that_is_a_scenarios_name_leads_nowhere(name: str, payload: str) -> None:
    text = report(name, run_with(broke(scenario=f"../{payload}")))
    assert "scenarios/__init__.py" in text
    assert "uri" not in text or sarif(run_with(broke(scenario=f"../{payload}")))["results"]


def test_an_interrupted_run_is_no_successful_one() -> None:
    *events, _ = run_with(broke())
    ended = [RunFinished(counts={}, interrupted=is_cut) for is_cut in (True, False)]
    told = [sarif([*events, end])["invocations"][0]["executionSuccessful"] for end in ended]
    assert told == [False, True]


# ---- GitLab ----------------------------------------------------------------------------------------------------------


@every_payload
@every_place
def test_a_code_quality_entry_has_the_documented_fields(place: str, payload: str) -> None:
    run = hostile(payload, place)
    (entry,) = json.loads(report("gitlab", run))
    assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
    assert entry["location"] == {"path": definition(first_of(run).scenario).path, "lines": {"begin": 1}}
    assert re.fullmatch("[0-9a-f]{32}", entry["fingerprint"])
    assert entry["check_name"] == "streamproof/SP03"


@every_level
def test_the_severity_of_an_entry_is_the_scenarios_level(level: Level) -> None:
    entries = json.loads(report("gitlab", run_with(broke(level=level))))
    said = {Level.MUST: "critical", Level.SHOULD: "minor", Level.INFO: "info"}[level]
    assert [entry["severity"] for entry in entries] == [said, said]


def test_a_run_without_a_failure_is_an_empty_list_of_entries() -> None:
    assert json.loads(report("gitlab", [run_of("x")[0], run_of("x")[-1]])) == []


# ---- GitHub's annotations --------------------------------------------------------------------------------------------


def understood(line: str) -> tuple[str, dict[str, str], str]:
    """A command as the runner reads it (``ActionCommand.TryParseV2``): its name, properties and data."""
    assert line.startswith("::")
    info, data = line[2:].split("::", 1)
    name, _, said = info.partition(" ")
    pairs = [one.split("=", 1) for one in said.split(",")]
    return name, {key: unescaped(value, "%3A", "%2C") for key, value in pairs}, unescaped(data)


def unescaped(text: str, *special: str) -> str:
    for code in ("%0D", "%0A", *special, "%25"):
        text = text.replace(code, chr(int(code[1:], 16)))
    return text


@every_payload
@every_place
def test_every_annotation_is_read_as_it_was_meant(place: str, payload: str) -> None:
    run = hostile(payload, place)
    first = first_of(run)
    failed, unknown = (understood(line) for line in report("github", run).splitlines())
    title, file = plain(f"{first.client} in {first.scenario}"), definition(first.scenario).path
    assert failed[:2] == ("error", {"title": title, "file": file, "line": "1"})
    assert unknown[:2] == ("warning", {**failed[1], "title": f"unknown: {title.replace('.first', '.second')}"})
    assert failed[2].startswith(plain(f"SP03: {first.rulings[0].harm} · streamproof replay "))


@every_level
def test_the_kind_of_an_annotation_is_the_scenarios_level(level: Level) -> None:
    (annotation,) = report("github", run_with(broke(level=level))).splitlines()
    assert understood(annotation)[0] == {Level.MUST: "error", Level.SHOULD: "warning", Level.INFO: "notice"}[level]


@pytest.mark.parametrize(("failures", "more"), [(9, 0), (10, 0), (11, 2), (30, 21)])
def test_no_more_annotations_are_written_than_are_shown(failures: int, more: int) -> None:
    lines = report("github", run_with(*(broke(f"family.number_{one}") for one in range(failures)))).splitlines()
    assert len(lines) == min(failures, 10)
    assert (f"::{more} more;" in lines[-1]) == bool(more)


def test_a_case_that_passed_or_does_not_concern_its_client_has_no_annotation() -> None:
    passed = msgspec.structs.replace(broke(), verdict=Verdict.PASS, rulings=())
    lacking = msgspec.structs.replace(broke("cutoff.other"), verdict=Verdict.SKIP, rulings=(), record=None)
    assert report("github", run_with(passed, lacking)) == ""


def test_what_no_law_explains_is_annotated_all_the_same() -> None:
    unknown = msgspec.structs.replace(broke(), verdict=Verdict.UNKNOWN, rulings=())
    assert understood(report("github", run_with(unknown)))[2].startswith("no law says why · streamproof replay ")


# ---- NDJSON ----------------------------------------------------------------------------------------------------------


@every_payload
@every_place
def test_every_case_is_one_flat_line_of_the_documented_fields(place: str, payload: str) -> None:
    lines = [json.loads(line) for line in report("ndjson", hostile(payload, place)).split("\n")[:-1]]
    assert [line["verdict"] for line in lines] == ["fail", "unknown", "skip"]
    assert {tuple(line) for line in lines} == {ndjson.Line.__struct_fields__}
    assert {type(value) for line in lines for value in line.values()} <= {str, int, float, bool}


def test_a_line_says_what_was_broken_and_how_often_the_client_asked() -> None:
    (line,) = report("ndjson", run_with(broke())).splitlines()
    told = json.loads(line)
    assert (told["law"], told["laws"], told["harm"]) == ("SP02", "SP02 SP03", "harm of seed 1")
    assert (told["requests"], told["level"], told["policy"]) == (1, "must", "raise")


def test_a_line_reaches_the_file_as_soon_as_its_case_is_over(tmp_path: Path) -> None:
    started, case, _ = run_with(broke())
    path = tmp_path / "cases.ndjson"
    with path.open("w") as out:
        reporter = ndjson.Reporter(out)
        reporter.take(started)
        assert path.read_text("utf-8") == ""
        reporter.take(case)
        assert path.read_text("utf-8").count("\n") == 1


# ---- Prometheus ------------------------------------------------------------------------------------------------------


def samples(run: Run) -> list[tuple[str, dict[str, str], float]]:
    families = text_string_to_metric_families(report("prometheus", run))
    return [(one.name, one.labels, one.value) for family in families for one in family.samples]


@every_payload
@every_place
def test_no_payload_changes_what_prometheus_reads(place: str, payload: str) -> None:
    client = plain(payload) if place == "client" else "naive"
    told = samples(hostile(payload, place))
    (version,) = [labels["version"] for name, labels, _ in told if name == "streamproof_client_info"]
    assert version == plain(payload if place == "wire" else "x")
    assert {labels["client"] for _, labels, _ in told if labels} == {client}
    assert Counter(name for name, _, _ in told) == Counter(name for name, _, _ in samples(run_of("x")))


def test_the_counts_of_prometheus_are_those_of_the_run() -> None:
    told = {labels["verdict"]: value for name, labels, value in samples(run_of("x")) if name == "streamproof_cases"}
    assert told == {"pass": 0, "fail": 1, "unknown": 1, "skip": 1}


def test_a_family_has_a_series_for_every_verdict_whatever_happened_in_it() -> None:
    one, two = samples(run_with(broke())), samples(run_with(msgspec.structs.replace(broke(), verdict=Verdict.PASS)))
    assert [said[:2] for said in one] == [said[:2] for said in two]


def test_a_run_that_was_killed_has_no_time_and_says_that_it_was_cut_short() -> None:
    *events, _ = run_of("x")
    told = {name: value for name, _, value in samples([*events, RunFinished(counts={}, interrupted=True)])}
    assert told["streamproof_run_interrupted"] == 1
    assert "streamproof_run_seconds" not in told


def test_the_seed_is_no_label_of_a_metric() -> None:
    assert samples(run_of("x", seed="1")) == samples(run_of("x", seed="2"))
