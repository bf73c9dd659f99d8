"""What there is, and what happens when somebody asks for what there is not."""

from __future__ import annotations

import re
import sys
from io import StringIO
from pathlib import Path

import pytest

from harness import catalog
from harness.errors import UsageError

FAMILIES = (
    "cutoff malformed framing encoding rate_limit http_status headers stall order completion content retry fallback "
    "slow_network broken_network unreachable_network resume seam reuse alternatives sinks sinks_in_pieces "
    "openai recorded"
)
SCENARIO = """
from fake_server.answer import Answer
from fake_server.script import script
from harness.model import Expect, Scenario

def scenario(name, pair=""):
    return Scenario(name=name, title="It breaks.", script=script(Answer()), expect=Expect(), pair=pair)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory from which modules can be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def write(home: Path, module: str, source: str) -> str:
    """A module of the name ``module``; returns the name."""
    path = home / f"{module.replace('.', '/')}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(source, "utf-8")
    return module


def complaint(name: str) -> str:
    with pytest.raises(UsageError) as caught:
        catalog.adapter(name)
    return str(caught.value)


def test_there_are_scenarios_enough_in_every_family() -> None:
    assert len(catalog.scenarios()) >= 70
    assert {one.family for one in catalog.scenarios().values()} == set(FAMILIES.split())


def test_every_scenario_is_called_family_and_name() -> None:
    for name, one in catalog.scenarios().items():
        assert name == one.id == f"{one.family}.{one.name}"
        assert re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_]+", name)


def test_every_title_is_a_sentence() -> None:
    assert [name for name, one in catalog.scenarios().items() if not re.fullmatch(r"\S.*\.", one.title)] == []


def test_every_pair_is_another_scenario() -> None:
    scenarios = catalog.scenarios()
    assert [name for name, one in scenarios.items() if one.pair and one.pair not in scenarios.keys() - {name}] == []


def test_every_report_can_be_made() -> None:
    made = {name: catalog.reporter(name)(StringIO()) for name in catalog.names("reports")}
    assert {"console", "jsonl", "junit"} <= set(made)
    assert [name for name, one in made.items() if not callable(one.take)] == []


@pytest.mark.parametrize("package", ["harness.adapters", "fake_server.faults", "reports", "scenarios"])
def test_everything_that_can_be_listed_says_what_it_is(package: str) -> None:
    assert [name for name in catalog.names(package) if not catalog.summary(f"{package}.{name}").endswith(".")] == []


def test_a_summary_needs_no_import(home: Path) -> None:
    assert catalog.summary(write(home, "summarised", '"""What it is."""\nimport surely_not_installed\n')) == (
        "What it is."
    )


def test_what_does_not_exist_has_no_summary() -> None:
    assert catalog.summary("surely_not_installed") == ""


@pytest.mark.parametrize("asked", ["SP02", "sp02", "terminal_required"])
def test_a_law_is_found_by_code_and_by_name(asked: str) -> None:
    assert catalog.law(asked).code == "SP02"


@pytest.mark.parametrize(("asked", "close"), [("terminal_requird", "terminal_required"), ("SP022", "SP02")])
def test_an_unknown_law_has_a_close_match(asked: str, close: str) -> None:
    with pytest.raises(UsageError, match=f"no law named '{asked}'; did you mean .*{close}"):
        catalog.law(asked)


def test_an_unknown_client_has_a_close_match() -> None:
    assert complaint("anthropc").startswith("no client named 'anthropc'; did you mean anthropic or ")


def test_an_unknown_report_has_a_close_match() -> None:
    with pytest.raises(UsageError, match="no report named 'juint'; did you mean junit"):
        catalog.reporter("juint")


def test_a_name_like_no_other_gets_all_that_are_known() -> None:
    assert complaint("xyz") == f"no client named 'xyz'; known: {', '.join(catalog.clients()[:12])}…"


def test_a_client_of_anybodys_is_named_by_module_and_attribute(home: Path) -> None:
    write(home, "theirs", "from harness.adapters.naive import NaiveAdapter\n\nclient = NaiveAdapter()\n")
    assert catalog.adapter("theirs:client").name == "naive"


def test_a_module_that_does_not_exist_is_named() -> None:
    assert "'surely_not_installed'" in complaint("surely_not_installed:client")


def test_a_module_whose_own_import_is_missing_names_that_one(home: Path) -> None:
    module = write(home, "needy", "import surely_not_installed\n")
    assert "No module named 'surely_not_installed'; is its package installed?" in complaint(f"{module}:client")


@pytest.mark.parametrize("source", ["raise RuntimeError('no licence')", "def ("])
def test_a_module_that_cannot_be_imported_is_not_our_fault(home: Path, source: str) -> None:
    module = write(home, f"broken_{len(source)}", source)
    assert f"'{module}:client'" in complaint(f"{module}:client")


@pytest.mark.parametrize("name", [":client", ".relative:client"])
def test_what_cannot_name_a_module_is_a_usage_error(name: str) -> None:
    assert repr(name) in complaint(name)


def test_an_unknown_attribute_has_a_close_match(home: Path) -> None:
    module = write(home, "misspelt", "client = 1\n")
    assert complaint(f"{module}:cleint") == "no attribute of misspelt named 'cleint'; did you mean client?"


def test_what_is_no_adapter_is_told_what_it_lacks(home: Path) -> None:
    module = write(home, "partial", "class client:\n    name, version = 'partial', '1'\n")
    assert "it lacks policy, capabilities, run (see harness/adapter.py)" in complaint(f"{module}:client")


@pytest.mark.parametrize("called", ["my@client", "client: v1"])
def test_a_name_that_no_replay_could_read_is_refused_whoever_says_it(home: Path, called: str) -> None:
    theirs = f"from harness.adapters.naive import NaiveAdapter\n\nclient = NaiveAdapter()\nclient.name = {called!r}\n"
    module = write(home, f"misnamed_{len(called)}", theirs)
    program = home / "program.py"
    program.write_text(f"# /// script\n# [tool.streamproof]\n# name = {called!r}\n# ///\n", "utf-8")
    for client in (f"{module}:client", f"cmd:{sys.executable} {program}"):
        assert f"calls itself {called!r}: a name has no spaces, no @ and no colon" in complaint(client)


def test_two_scenarios_of_one_name_are_refused(home: Path) -> None:
    write(home, "twice.__init__", "")
    write(home, "twice.family", f"{SCENARIO}\nSCENARIOS = (scenario('a'), scenario('a'))\n")
    with pytest.raises(UsageError, match=r"two scenarios are called family\.a"):
        catalog.scenarios("twice")


def test_a_pair_that_does_not_exist_is_refused_with_a_close_match(home: Path) -> None:
    write(home, "unpaired.__init__", "")
    write(home, "unpaired.family", f"{SCENARIO}\nSCENARIOS = (scenario('one'), scenario('two', pair='family.ome'))\n")
    with pytest.raises(UsageError, match=r"the pair of family\.two\) named 'family\.ome'; did you mean family\.one"):
        catalog.scenarios("unpaired")


def test_an_entry_that_does_not_exist_cannot_be_covered(home: Path) -> None:
    write(home, "uncovered.__init__", "")
    scenario = "replace(scenario('one'), covers=('conn-dyr',))"
    write(home, "uncovered.family", f"from dataclasses import replace\n{SCENARIO}\nSCENARIOS = ({scenario},)\n")
    (home / "uncovered" / "failures.toml").write_text('[conn-dry]\nsays = "x"\nharm = "y"\nsources = []\n', "utf-8")
    with pytest.raises(UsageError, match=r"covered by family\.one\) named 'conn-dyr'; did you mean conn-dry"):
        catalog.scenarios("uncovered")
