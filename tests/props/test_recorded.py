"""Scenarios as files: what is written is read back as it was, and says the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.answer import Answer
from fake_server.blocks import Block, text_block
from fake_server.effects import Send
from fake_server.faults.edit_json import EditJson
from fake_server.position import AtEvent
from fake_server.script import Request, Script, render, script
from harness import catalog, recorded, strategies
from harness.errors import UsageError
from harness.model import Capability, Expect, Limits, Scenario
from scenarios.shapes import faulted

quick = settings(max_examples=50)
CATALOGUE = [one for one in catalog.scenarios().values() if one.receiver is None]
REQUEST = {"stream": True, "messages": [{"role": "user", "content": "Go on."}]}
PLAIN = Scenario(name="plain", title="It is plain.", script=script(Answer()), expect=Expect())
ODD = Block({"z": "\ud800", "a": "\u2028"}, (), {"type": "text", "text": "", "is": "Answer"})


def through_json(scenario: Scenario) -> Scenario:
    return recorded.load(json.loads(json.dumps(recorded.dump(scenario))), "a file")


def written(scenario: Scenario, folder: Path) -> Scenario:
    return recorded.read(recorded.write(scenario, folder))


def wire(scripted: Script) -> Iterator[bytes]:
    """What the steps write, one attempt after the other."""
    for number, step in enumerate(scripted.steps):
        request = Request(attempt=number + 1, seed="s", body=REQUEST)
        for effect in render(step.reply(request), request)[1]:
            yield effect.data if isinstance(effect, Send) else repr(effect).encode()


@pytest.mark.parametrize("family", sorted({one.family for one in CATALOGUE}))
def test_every_scenario_of_the_catalogue_comes_back_as_it_was(family: str, tmp_path: Path) -> None:
    for one in (one for one in CATALOGUE if one.family == family):
        assert through_json(one) == one
        assert written(one, tmp_path) == replace(one, family="recorded")


@given(scenario=strategies.scenarios())
@quick
def test_every_drawn_scenario_comes_back_as_it_was_and_says_the_same_bytes(scenario: Scenario) -> None:
    back = through_json(scenario)
    assert back == scenario
    assert list(wire(back.script)) == list(wire(scenario.script))


@given(faults=st.lists(strategies.faults(), min_size=5, max_size=5), network=strategies.networks())
@quick
def test_every_drawn_fault_and_network_comes_back_as_it_was(faults: list[Any], network: Any) -> None:
    one = replace(faulted("a", "A.", *faults), network=network, elsewhere=script(Answer(faults=tuple(faults))))
    assert through_json(one) == one


@given(answer=strategies.answers(), refusal=strategies.refusals(), step=strategies.steps())
@quick
def test_every_drawn_step_comes_back_as_it_was(answer: Any, refusal: Any, step: Any) -> None:
    one = replace(PLAIN, script=script(answer, refusal, step))
    assert through_json(one) == one


@pytest.mark.parametrize(
    "scenario",
    [
        replace(PLAIN, script=script(Answer(blocks=(ODD,), pace=1, sentences=0))),
        replace(PLAIN, script=script(Answer(blocks=()))),
        replace(PLAIN, script=script(Answer(blocks=(text_block("a \udc80", pieces=("\udc80",)),)))),
        replace(PLAIN, requires=frozenset({Capability.TOOLS, Capability.ALTERNATIVES, Capability.SINKS})),
        replace(PLAIN, limits=Limits(idle=0.25), cancel_after=0, request={"is": "Answer", "metadata": {}}),
        replace(PLAIN, script=script(Answer().but(EditJson(at=AtEvent(), put=(("a", None), ("b", [1.0, {}])))))),
    ],
    ids=["keys", "no_blocks", "surrogates", "set", "limits", "any"],
)
def test_what_is_easily_lost_comes_back_as_it_was(scenario: Scenario, tmp_path: Path) -> None:
    assert written(scenario, tmp_path) == replace(scenario, family="recorded")


def test_only_what_differs_from_the_default_is_written() -> None:
    answer = {"is": "Answer", "sentences": 3}
    assert recorded.dump(replace(PLAIN, script=script(Answer(sentences=3)))) == {
        "is": "Scenario",
        "name": "plain",
        "title": "It is plain.",
        "script": {"is": "Script", "steps": [answer]},
        "expect": {"is": "Expect"},
    }


def test_a_number_that_equals_the_default_and_is_of_another_type_is_written() -> None:
    assert repr(through_json(replace(PLAIN, script=script(Answer(pace=0))))).count("pace=0,") == 1


def test_the_order_of_fields_is_kept_for_it_is_the_order_of_bytes(tmp_path: Path) -> None:
    block = Block({"type": "x", "b": 1, "a": 2}, (), {"type": "x", "b": 1, "a": 2})
    back = written(replace(PLAIN, script=script(Answer(blocks=(block,)))), tmp_path)
    (answer,) = back.script.steps
    assert isinstance(answer, Answer)
    assert [list(one.start) for one in answer.blocks or ()] == [["type", "b", "a"]]


def test_a_file_is_readable_the_same_each_time_and_ends_its_last_line(tmp_path: Path) -> None:
    one = replace(PLAIN, title="東京.", requires=frozenset(Capability))
    path = recorded.write(one, tmp_path / "new" / "folder")
    text = path.read_bytes()
    assert recorded.write(one, path.parent).read_bytes() == text
    assert "東京" in text.decode()
    assert text.endswith(b"\n}\n")
    assert path.name == "plain.json"
    assert not text.count(b'"name"')


def test_another_scenario_of_that_name_is_not_overwritten(tmp_path: Path) -> None:
    path = recorded.write(PLAIN, tmp_path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"plain\.json holds another scenario of that name: rename"):
        recorded.write(replace(PLAIN, title="It is not."), tmp_path)
    assert path.read_bytes() == before


def test_a_renamed_file_is_a_renamed_scenario(tmp_path: Path) -> None:
    path = recorded.write(PLAIN, tmp_path).rename(tmp_path / "other.json")
    assert recorded.read(path) == replace(PLAIN, name="other", family="recorded")


def test_a_fingerprint_tells_scenarios_apart_and_does_not_mind_their_names() -> None:
    assert recorded.fingerprint(PLAIN) == recorded.fingerprint(replace(PLAIN, name="other", family="f"))
    assert recorded.fingerprint(PLAIN) != recorded.fingerprint(replace(PLAIN, script=script(Answer(sentences=1))))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A package of scenarios with one recorded scenario, called ``plain``; it has the name of the test."""
    home = tmp_path / request.node.name
    recorded.write(PLAIN, home / "recorded")
    (home / "__init__.py").write_text("", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield home
    catalog.scenarios.cache_clear()


def test_recorded_scenarios_are_a_family_of_the_catalogue(package: Path) -> None:
    assert catalog.scenarios(package.name) == {"recorded.plain": replace(PLAIN, family="recorded")}


def test_a_recorded_scenario_and_a_written_one_cannot_have_one_id(package: Path) -> None:
    source = "from scenarios.shapes import faulted\nSCENARIOS = (faulted('plain', 'A.'),)\n"
    (package / "recorded.py").write_text(source, "utf-8")
    with pytest.raises(UsageError, match=r"two scenarios are called recorded\.plain"):
        catalog.scenarios(package.name)


def test_the_pair_of_a_recorded_scenario_exists(package: Path) -> None:
    recorded.write(replace(PLAIN, name="one", pair="recorded.plian"), package / "recorded")
    with pytest.raises(UsageError, match=r"the pair of recorded\.one\) named 'recorded\.plian'; did you mean recorded"):
        catalog.scenarios(package.name)


def test_the_folder_of_recorded_scenarios_is_part_of_the_catalogues_package() -> None:
    folder = Path(str(catalog.__file__)).parents[1] / "scenarios" / recorded.FAMILY
    assert {path.stem for path in folder.glob("*.json")} == {
        one.name for one in catalog.scenarios().values() if one.family == recorded.FAMILY
    }
    assert (folder / "README.md").exists()
