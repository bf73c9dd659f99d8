"""The action, the workflows and the commands of the page on CI, run as GitHub and GitLab would run them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from live.metric_servers import TOOLS
from live.workflows import ACTION, INSTALL, ROOT, Ran, Runner
from lxml import etree
from reporting import every_payload, report, run_of

from reports import ndjson

PAGE = (ROOT / "docs" / "ci.md").read_text("utf-8")
WORKFLOW = ROOT / ".github" / "workflows" / "streamproof.yml"
SARIF = Draft7Validator(json.loads((ROOT / "tests" / "data" / "sarif-schema-2.1.0.json").read_text("utf-8")))
CUT = "cutoff.clean_end_mid_text"
FILES = {"history.jsonl", "junit.xml", "report.html", "streamproof.sarif"}
PROMTOOL = shutil.which("promtool", path=f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}")
LIAR = """
from harness.adapters.naive import NaiveAdapter
from harness.model import ErrorSeen, Finished, Outcome


class Liar(NaiveAdapter):
    name = "liar"

    async def run(self, job):
        error = ErrorSeen(name="##[add-mask]streamproof", message="\\n::error::injected", typed=False)
        yield Finished(outcome=Outcome.FAILED, error=error)


ADAPTER = Liar()
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def example(beginning: str) -> str:
    (one,) = (block for language in ("yaml", "python", "bash") for block in blocks(language) if beginning in block)
    return one


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    for name in ("workspace", "temporary"):
        (tmp_path / name).mkdir()
    return Runner(tmp_path / "workspace", tmp_path / "temporary")


def report_files(runner: Runner) -> set[str]:
    return {path.name for path in (runner.workspace / "streamproof-report").glob("*")}


def log(runner: Runner) -> dict[str, Any]:
    (run,) = json.loads((runner.workspace / "streamproof-report" / "streamproof.sarif").read_text("utf-8"))["runs"]
    found: dict[str, Any] = run
    return found


def annotations(ran: Ran) -> list[str]:
    return [line for line in ran.said["Report"].splitlines() if line.startswith("::")]


# ---- their form ------------------------------------------------------------------------------------------------------


def schema_says(schema: str, path: Path) -> int:
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", path]
    return subprocess.run(command, capture_output=True, timeout=60).returncode


def test_the_action_and_the_workflows_follow_githubs_schemas(tmp_path: Path) -> None:
    (tmp_path / "example.yml").write_text(example("name: streaming\n"), "utf-8")
    assert schema_says("github-actions", ACTION / "action.yml") == 0
    assert schema_says("github-workflows", WORKFLOW) == 0
    assert schema_says("github-workflows", tmp_path / "example.yml") == 0


def test_a_workflow_that_breaks_the_schema_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text(WORKFLOW.read_text("utf-8").replace("runs-on:", "runs_on:"), "utf-8")
    assert schema_says("github-workflows", tmp_path / "broken.yml") != 0


def test_the_page_lists_the_inputs_of_the_action_with_their_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`([\w-]+)` )?\| [^|]+ \|$", PAGE.partition("| input |")[2], re.MULTILINE)
    inputs = yaml.safe_load((ACTION / "action.yml").read_text("utf-8"))["inputs"]
    assert dict(rows[: len(inputs)]) == {name: one["default"] for name, one in inputs.items()}


# ---- the action ------------------------------------------------------------------------------------------------------


def test_the_workflow_of_this_repository_runs_the_bundled_client(runner: Runner) -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    ran = runner.job(workflow, select=f"completion.plain or {CUT}")
    assert (ran.status, annotations(ran)) == (0, []), ran.said
    assert report_files(runner) == FILES
    assert "| bundled 0" in ran.summary


def test_a_client_that_fails_is_reported_everywhere_and_fails_the_step(runner: Runner) -> None:
    ran = runner.action(client="naive", select=CUT, seed="7")
    (annotation,) = annotations(ran)
    assert ran.status == 1
    assert ran.summary.startswith(f"{runner.summary}{runner.summary}## streamproof: 1 cases"), "others' words are kept"
    assert annotation.startswith(f"::error title=naive in {CUT},file=scenarios/cutoff.py,line=")
    assert f"streamproof replay {CUT}@naive:7".replace("_", "\\_") in ran.summary
    SARIF.validate(json.loads((runner.workspace / "streamproof-report" / "streamproof.sarif").read_text("utf-8")))
    assert {one["ruleId"] for one in log(runner)["results"]} >= {"SP02"}
    (suite,) = etree.parse(runner.workspace / "streamproof-report" / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")


def test_every_input_reaches_the_command(runner: Runner) -> None:
    ran = runner.action(
        client="naive\nbundled\n", select=CUT, policy="raise", seed="5", tier="sim", gate="bundled\n", folder="x/y"
    )
    started = json.loads((runner.workspace / "x" / "y" / "history.jsonl").read_text("utf-8").partition("\n")[0])
    assert ran.status == 0, ran.said
    assert [started[name] for name in ("clients", "scenarios", "policy", "seed", "tier")] == [
        ["naive", "bundled"],
        [CUT],
        "raise",
        "5",
        "sim",
    ]


def test_a_failure_that_is_known_does_not_fail_the_step(runner: Runner) -> None:
    (runner.workspace / "known.toml").write_text(f'[naive."{CUT}"]\nlaw = "SP02"\nreason = "told them"\n', "utf-8")
    ran = runner.action(client="naive", select=CUT, expect="known.toml")
    assert (ran.status, annotations(ran)) == (0, []), ran.said
    assert runner.action(client="naive", select=CUT).status == 1


def test_a_case_that_fails_is_tried_as_often_as_the_input_says(runner: Runner) -> None:
    assert runner.action(client="naive", select=CUT, tries="2").status == 1
    history = (runner.workspace / "streamproof-report" / "history.jsonl").read_text("utf-8")
    assert history.count('"case_tried"') == 2


def test_wrong_usage_fails_the_step_and_leaves_nothing_of_an_older_run(runner: Runner) -> None:
    runner.action(client="naive", select=CUT)
    ran = runner.action(client="nobody")
    assert (ran.status, annotations(ran)) == (2, [])
    assert "no client named 'nobody'" in ran.said["Run streamproof"]
    assert "history.jsonl" not in report_files(runner)


@pytest.mark.parametrize("hostile", ["$(touch owned)", '"; touch owned; "'])
def test_no_input_is_run_as_a_command(runner: Runner, hostile: str) -> None:
    names = yaml.safe_load((ACTION / "action.yml").read_text("utf-8"))["inputs"]
    assert runner.action(**dict.fromkeys(names, hostile)).status == 2
    assert runner.action(select="completion.plain", folder=hostile).status == 0
    assert list(runner.workspace.rglob("owned")) == []


def test_what_a_client_says_is_no_command_to_the_runner(runner: Runner) -> None:
    (runner.workspace / "liar.py").write_text(LIAR, "utf-8")
    lies = {"client": "liar:ADAPTER", "path": ".", "select": "completion.plain", "tier": "sim"}
    ran = runner.action(**lies)
    begin, *said, end = ran.said["Run streamproof"].splitlines()[:-1]
    assert begin.startswith("::stop-commands::")
    assert end == f"::{begin.removeprefix('::stop-commands::')}::"
    assert any("##[add-mask]streamproof" in line for line in said)
    assert len(annotations(ran)) == 1
    again = replace(runner, skipped=frozenset({INSTALL, "Report"})).action(**lies)
    assert begin not in again.said["Run streamproof"], "a word that is known could be said by a client"


@pytest.mark.slow
def test_the_action_installs_itself_and_runs(runner: Runner, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "python"], check=True, timeout=120)
    fresh = replace(runner, path=f"{tmp_path / 'python' / 'bin'}:/usr/bin:/bin", skipped=frozenset())
    ran = fresh.action(select=f"completion.plain or {CUT}")
    assert ran.status == 0, ran.said
    assert INSTALL in ran.said
    assert report_files(fresh) == FILES


# ---- the page --------------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(runner: Runner) -> Runner:
    """A repository with what the page says should be in it."""
    (runner.workspace / "ci").mkdir()
    (runner.workspace / "ci" / "my_client.py").write_text(example("class Adapter:"), "utf-8")
    return runner


def test_the_workflow_of_the_page_tests_the_client_of_the_page(repository: Runner) -> None:
    ran = repository.job(yaml.safe_load(example("name: streaming\n")), seed="1")
    assert ran.status in (0, 1), ran.said
    assert report_files(repository) == FILES
    assert "my\\_client" in ran.summary


def commands(script: str, repository: Runner, **env: str) -> subprocess.CompletedProcess[str]:
    everything = {"PATH": repository.path, "HOME": str(repository.temporary), **env}
    command = ["bash", "-eo", "pipefail", "-c", script]
    return subprocess.run(
        command, cwd=repository.workspace, env=everything, capture_output=True, text=True, timeout=240
    )


def test_the_step_of_the_page_that_needs_no_action_reports_and_fails(repository: Runner) -> None:
    summary = repository.temporary / "summary.md"
    summary.write_text("before\n", "utf-8")
    done = commands(example("streamproof report github"), repository, GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 1, done.stderr
    assert "\n::error title=naive in cutoff.clean_end" in done.stdout
    assert summary.read_text("utf-8").startswith("before\n## streamproof")


def test_the_job_of_the_page_for_gitlab_writes_what_it_declares(repository: Runner) -> None:
    job = yaml.safe_load(example("image: python"))["streaming"]
    install, *script = job["script"]
    assert install.startswith("pip install ")
    done = commands("\n".join(script), repository)
    assert done.returncode in (0, 1), done.stderr
    declared = job["artifacts"]["reports"]
    entries = json.loads((repository.workspace / declared["codequality"]).read_text("utf-8"))
    cases = etree.parse(repository.workspace / declared["junit"]).iter("testcase")
    assert {entry["location"]["path"] for entry in entries} <= {"scenarios/cutoff.py"}
    assert all(case.get("classname") == "my_client.cutoff" for case in cases)


def test_the_recipe_of_the_page_for_prometheus_leaves_one_whole_file(repository: Runner) -> None:
    folder = repository.temporary / "textfiles"
    folder.mkdir()
    run = "streamproof run --client naive --client bundled -k encoding --tier sim || true\n"
    done = commands(run + example("streamproof report prometheus"), repository, TEXTFILES=str(folder))
    assert done.returncode == 0, done.stderr
    (path,) = folder.iterdir()
    assert path.name == "streamproof.prom"
    listed = dict(re.findall(r"^\| `(streamproof_\w+)` \| (.*?) ?\|", PAGE, re.MULTILINE))
    written = dict(re.findall(r"^(streamproof_\w+)(?:{(.*)})? ", path.read_text("utf-8"), re.MULTILINE))
    assert {name: re.findall(r"`(\w+)`", labels) for name, labels in listed.items()} == {
        name: re.findall(r'(\w+)="', labels) for name, labels in written.items()
    }


@pytest.mark.skipif(PROMTOOL is None, reason="NOT CHECKED by Prometheus' own tool: run `make setup-prometheus`")
@every_payload
def test_prometheus_own_tool_has_nothing_to_say_against_the_metrics(payload: str) -> None:
    metrics = report("prometheus", run_of(payload, client=payload, seed=payload))
    command = [str(PROMTOOL), "check", "metrics"]
    checked = subprocess.run(command, input=metrics, capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_page_lists_every_field_of_a_line_in_its_order() -> None:
    rows = PAGE.partition("| field | |")[2].partition("\n\n")[0].splitlines()
    listed = [name for row in rows if row.startswith("| `") for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert tuple(listed) == ndjson.Line.__struct_fields__
