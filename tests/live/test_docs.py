"""What the documents show is true: their code runs, and adding a thing is one file."""

from __future__ import annotations

import asyncio
import importlib
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest
from live.differences import OF_DATA, OF_THE_API
from live.running import STREAMPROOF, served

from client_under_test.errors import AnswerTruncated
from client_under_test.policy import Limits, RetryPolicy
from harness import catalog, engine, journal
from harness.events import CaseFinished
from harness.network import network, toxic
from harness.plan import plan
from harness.toxiproxy.profiles import PROFILES
from harness.toxiproxy.toxic import STANDARD, Activation, attributes_of, kinds
from harness.verdict import Verdict

ROOT = Path(__file__).parents[2]
KINDS = {"scenarios", "fake_server/faults", "harness/toxiproxy/toxics", "harness/checks", "harness/adapters", "reports"}


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / document).read_text("utf-8"), re.DOTALL)


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The files of CONTRIBUTING.md, each put into its package as if it lay there; module names by folder."""
    names: dict[str, str] = {}
    for block in blocks("CONTRIBUTING.md", "python"):
        path = Path(block.partition("\n")[0].removeprefix("# "))
        target = tmp_path / path
        target.parent.mkdir(parents=True)
        target.write_text(block, "utf-8")
        package = importlib.import_module(str(path.parent).replace("/", "."))
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(target.parent)])
        names[str(path.parent)] = path.stem
    _forget()
    yield names
    for folder, name in names.items():
        sys.modules.pop(f"{folder.replace('/', '.')}.{name}", None)
    _forget()


def _forget() -> None:
    for found in (catalog.scenarios, catalog.laws, kinds):
        found.cache_clear()


def test_contributing_shows_each_of_the_six_kinds(added: dict[str, str]) -> None:
    assert set(added) == KINDS


def test_each_thing_of_contributing_works_from_its_one_file(added: dict[str, str], tmp_path: Path) -> None:
    shout = importlib.import_module("fake_server.faults.shout").Shout()
    assert catalog.summary("fake_server.faults.shout") == "The model shouts."
    adapters = [catalog.adapter("bundled"), catalog.adapter("patient")]
    found = catalog.scenarios()
    lightning = found["weather.lightning"]
    shouted = type(lightning)(
        name="shouted",
        family="weather",
        title="Shouted.",
        script=type(lightning.script)((type(lightning.script.steps[-1])(faults=(shout,)),)),
        expect=lightning.expect,
        network=network(toxic("hiccup", every=500, pause=20)),
    )
    planned = plan({**found, "weather.shouted": shouted}, adapters, seed="1", select="weather")

    async def run() -> list[CaseFinished]:
        out = io.StringIO()
        reporter = catalog.reporter("tally")(out)
        cases = []
        with (tmp_path / "run.jsonl").open("wb") as file:
            async for event in engine.run(planned, catalog.laws()):
                reporter.take(event)
                file.write(journal.encode(event))
                if isinstance(event, CaseFinished):
                    cases.append(event)
        assert out.getvalue().splitlines()[0].startswith("bundled: ")
        return cases

    results = {one.case: one for one in asyncio.run(run())}
    assert results["weather.lightning@bundled:1"].verdict is Verdict.PASS
    assert results["weather.lightning@patient:1"].verdict in (Verdict.PASS, Verdict.UNKNOWN)
    record = results["weather.shouted@bundled:1"].record
    assert record is not None
    assert "hiccup_downstream" in {getattr(one, "toxic", "") for one in record.network}
    rude = [one for one in results["weather.shouted@bundled:1"].rulings if one.law == "SP90"]
    assert [one.harm for one in rude] == ["the user was shouted at"]
    assert catalog.law("SP90").title == "No answer is shouted at its user."


def commands(document: str) -> list[str]:
    lines = "".join(blocks(document, "bash")).splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.startswith("streamproof")]


def test_the_commands_of_the_readme_run_in_their_order(tmp_path: Path) -> None:
    assert commands("README.md")
    for command in commands("README.md"):
        words = [str(STREAMPROOF), *shlex.split(command)[1:]]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stdout


def ran(code: str, base_url: str, **more: str) -> str:
    """What ``code`` prints when it talks to ``base_url``."""
    env = {**os.environ, "ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_API_KEY": "k", **more}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_of_the_readme_talks_to_a_server_and_gets_its_answer() -> None:
    (code,) = blocks("README.md", "python")
    with served() as base:
        for scenario, ending in (("completion.plain", "after 1 request"), ("cutoff.reset_mid_text", "after 2 request")):
            assert ending in ran(code, f"{base}/{scenario}")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with served() as base:
        yield base


@pytest.mark.parametrize("code", blocks("docs/client.md", "python"))
@pytest.mark.parametrize("scenario", ["completion.plain", "resume.user_turn"])
def test_every_example_of_the_clients_page_runs(code: str, scenario: str, server: str) -> None:
    assert ran(code, f"{server}/{scenario}")


@pytest.mark.parametrize(("end", "raised"), [("data: [DONE]\n\n", StopIteration), ("", AnswerTruncated)])
def test_the_function_of_the_page_takes_no_end_of_a_body_for_the_end_of_the_answer(
    monkeypatch: pytest.MonkeyPatch, end: str, raised: type[Exception]
) -> None:
    (code,) = (one for one in blocks("docs/client.md", "python") if "def by_hand" in one)
    names: dict[str, Any] = {}
    exec(compile(code.partition("\nfor event in")[0], "docs/client.md", "exec"), names)
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text=f"data: Hello\n\n{end}")))
    monkeypatch.setattr(httpx, "stream", http.stream)
    said = names["by_hand"]("Hi")
    assert next(said) == "Hello"
    with pytest.raises(raised):
        next(said)


@pytest.mark.parametrize("code", blocks("docs/fuzzing.md", "python"))
def test_every_example_of_the_page_on_fuzzing_runs(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def matrix() -> dict[str, list[str]]:
    (block,) = (one for one in blocks("README.md", "text") if one.startswith("scenarios    "))
    rows = [line.split() for line in block.splitlines()[1:] if set(line) & set("✓✗–")]
    return {row[0]: row[1:] for row in rows}


def test_the_matrix_of_the_readme_has_a_mark_for_every_scenario_and_client() -> None:
    families: dict[str, int] = {}
    for scenario in catalog.scenarios().values():
        families[scenario.family] = families.get(scenario.family, 0) + 1
    assert {family: [len(strip) for strip in strips] for family, strips in matrix().items()} == {
        family: [size] * 3 for family, size in families.items()
    }


def lasting(marks: dict[str, list[str]]) -> dict[str, list[str]]:
    """The marks that do not depend on time; over a broken network those are the bundled client's."""
    return {name: strips[:1] if name.endswith("_network") else strips for name, strips in marks.items()}


@pytest.mark.slow
def test_the_matrix_of_the_readme_is_what_the_demo_prints(tmp_path: Path) -> None:
    clients = [word for name in ("bundled", "anthropic", "naive") for word in ("--client", name)]
    command = [str(STREAMPROOF), "run", *clients, "--gate", "bundled", "--verbose", "--seed", "42"]
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(command, cwd=tmp_path, env=unmeasured, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, [
        line for line in done.stdout.splitlines() if line.startswith(("✗ bundled", "? bundled"))
    ]
    table = done.stdout.partition("\npassed")[0].splitlines()[1:]
    printed = {line.split()[0]: line.split()[1:4] for line in table}
    assert lasting(printed) == lasting(matrix())
    (example,) = (one for one in blocks("README.md", "text") if one.startswith("✗"))
    assert example in done.stdout


def prose(document: str) -> str:
    return re.sub(r"\s+", " ", (ROOT / document).read_text("utf-8"))


def test_the_python_of_the_network_page_runs() -> None:
    (code,) = blocks("TOXIPROXY.md", "python")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, "latency_downstream" in done.stdout) == (0, True), done.stderr


def test_the_network_page_lists_the_differences_that_the_tests_assert_and_no_others() -> None:
    listed = prose("TOXIPROXY.md").partition("## Differences")[2].split(" - ")[1:]
    sentences = [one.partition(" Of what happens to data:")[0].strip() for one in listed]
    assert sentences == [*OF_THE_API.values(), *OF_DATA.values()]


def test_the_network_page_lists_every_toxic_with_its_attributes() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \|(.*?)\|.*?\| (yes)? ?\|$", (ROOT / "TOXIPROXY.md").read_text("utf-8"), re.MULTILINE
    )
    listed = {name: (re.findall(r"`(\w+)`", attributes), bool(yes)) for name, attributes, yes in rows}
    assert listed == {name: ([*attributes_of(kind)], name in STANDARD) for name, kind in kinds().items()}
    assert all(f"`{name}`" in prose("TOXIPROXY.md") for name in [*PROFILES, *attributes_of(Activation)])


def test_the_architecture_draws_every_module() -> None:
    (house,) = (one for one in blocks("ARCHITECTURE.md", "text") if one.startswith("client_under_test/"))
    words = set(re.findall(r"\w+", house))
    modules = [path for name in ("client_under_test", "fake_server", "harness") for path in (ROOT / name).glob("*.py")]
    assert {path.stem for path in modules} - words == {"__init__"}
    assert words >= set(catalog.names("reports"))


def test_the_architecture_says_of_every_package_why_it_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras, groups = project["project"]["optional-dependencies"], project["dependency-groups"]
    wanted = chain(project["project"]["dependencies"], *extras.values(), *groups.values())
    named = {re.split(r"[<>=]", one)[0] for one in wanted if isinstance(one, str)}
    table = (ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("| package |")[2]
    told = {word for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for word in re.findall(r"[\w-]+", row)}
    assert named - told == set()


def test_the_page_of_the_client_lists_every_limit_in_seconds_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+|none) \|", (ROOT / "docs/client.md").read_text("utf-8"), re.MULTILINE)
    defaults = {one.name: one.default for one in fields(Limits) if not one.name.endswith("_bytes")}
    assert {name: None if value == "none" else float(value) for name, value in rows} == defaults
    assert f"{RetryPolicy().fallback_max_tokens:,}" in prose("docs/client.md")
    assert f"{RetryPolicy().fallback_max_tokens:,}" in prose("README.md")
