"""Files of scenarios with mistakes: each is told with the file, the place in it, and what could be meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from fake_server.answer import Answer
from fake_server.blocks import Block
from fake_server.fault import Fault
from fake_server.faults.edit_json import EditJson
from fake_server.faults.inject import Inject
from fake_server.faults.line_ends import LineEnds
from fake_server.faults.pause import Pause
from fake_server.position import AtByte, AtEnd, AtEvent
from fake_server.script import Reply, Request, script
from harness import catalog, recorded
from harness.errors import UsageError
from harness.model import Alternative, Capability, Expect, Scenario, ToolUse
from harness.network import AfterEvents, network, toxic

FAULTS = (
    Pause(at=AtByte(3), seconds=1),
    Inject(at=AtEnd(), data=b"x"),
    LineEnds(style="cr"),
    EditJson(at=AtEvent(), put=(("a", 1),)),
)
SCENARIO = Scenario(
    name="plain",
    title="It is plain.",
    script=script(Answer(faults=FAULTS), Answer(blocks=(Block({}, (), {"type": "x"}),))),
    expect=Expect(tools=(ToolUse("go", {}),)),
    requires=frozenset({Capability.TOOLS}),
    alternatives=(Alternative(),),
    network=network(toxic("latency", latency=5, begins=AfterEvents(2))),
)


def complaint(action: Callable[[], Any]) -> str:
    with pytest.raises(UsageError) as caught:
        action()
    return str(caught.value)


def damaged(path: str, value: Any) -> str:
    """What is said when ``value`` stands at ``path``; nothing stands there any more when it is ``...``."""
    tree: Any = recorded.dump(SCENARIO)
    owner, *names = [tree, *re.findall(r"\w+", path)]
    for name in names[:-1]:
        owner = owner[int(name) if isinstance(owner, list) else name]
    last: Any = int(names[-1]) if isinstance(owner, list) else names[-1]
    if value is ...:
        del owner[last]
    else:
        owner[last] = value
    return complaint(lambda: recorded.load(tree, "x.json"))


FIRST = "script.steps[0].faults"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (f"{FIRST}[0].is", "Pausee", f"{FIRST}[0]: no class named 'Pausee'; did you mean Pause"),
        (f"{FIRST}[0].is", "AtByte", f"{FIRST}[0]: no class named 'AtByte'"),
        (f"{FIRST}[0].is", ..., f'{FIRST}[0]: expected {{"is": '),
        (f"{FIRST}[0].is", 5, f'{FIRST}[0]: expected {{"is": '),
        (f"{FIRST}[0].at.is", "AtBite", f"{FIRST}[0].at: no class named 'AtBite'; did you mean AtByte"),
        (f"{FIRST}[0].at.is", "AtAttempt", f"{FIRST}[0].at: no class named 'AtAttempt'"),
        (f"{FIRST}[0].at", 7, f"{FIRST}[0].at: expected"),
        (f"{FIRST}[0].at", ..., f"{FIRST}[0]: Pause needs at"),
        (f"{FIRST}[0].at.ofset", 7, f"{FIRST}[0].at.ofset: no field of AtByte named 'ofset'; did you mean offset?"),
        (f"{FIRST}[0].at.offset", "7", f"{FIRST}[0].at.offset: expected an integer, found '7'"),
        (f"{FIRST}[0].at.offset", True, f"{FIRST}[0].at.offset: expected an integer, found True"),
        (f"{FIRST}[0].seconds", "1", f"{FIRST}[0].seconds: expected a number, found '1'"),
        (f"{FIRST}[0].seconds", float("nan"), f"{FIRST}[0].seconds: expected a number, found nan"),
        (
            f"{FIRST}[0].seconds",
            -1,
            f"{FIRST}[0]: Pause.seconds = -1: expected a number from 0 to 3600",
        ),
        (f"{FIRST}[1].data", "not base64", f"{FIRST}[1].data: expected bytes as base64, found 'not base64'"),
        (f"{FIRST}[1].data", None, f"{FIRST}[1].data: expected bytes as base64, found None"),
        (f"{FIRST}[2].style", "lf", f"{FIRST}[2].style: expected 'cr' or 'crlf' or 'mixed', found 'lf'"),
        (f"{FIRST}[3].put[0]", ["a"], f"{FIRST}[3].put[0]: expected a list of 2, found ['a']"),
        (f"{FIRST}[3].put[0][0]", 1, f"{FIRST}[3].put[0][0]: expected a string, found 1"),
        (FIRST, "x", f"{FIRST}: expected a list, found 'x'"),
        ("script.steps[1].blocks", "x", "script.steps[1].blocks: expected a list, found 'x'"),
        ("script.steps[1].blocks[0].start", [], "script.steps[1].blocks[0].start: expected an object"),
        ("script.steps", [], "script: a script needs at least one step"),
        ("script", None, 'script: expected {"is": Script'),
        ("expect.outcom", 1, "expect.outcom: no field of Expect named 'outcom'; did you mean outcome?"),
        ("expect.outcome", "complet", "expect.outcome: no Outcome named 'complet'; did you mean complete or"),
        ("expect.tools[0].name", ..., "expect.tools[0]: ToolUse needs name"),
        ("expect.may_fail", 1, "expect.may_fail: expected true or false, found 1"),
        ("requires[0]", "tool", "requires[0]: no Capability named 'tool'; did you mean tools"),
        ("alternatives[0].elsewhere", None, "alternatives[0].elsewhere: expected true or false, found None"),
        ("network.faults[0].type", "latencyy", "network.faults[0]: no toxic named 'latencyy'; did you mean latency"),
        ("network.faults[0].attributes.latency", "5", "network.faults[0].attributes.latency: expected a number"),
        ("network.faults[0].attributes.late", 5, "network.faults[0]: no attribute of latency named 'late'"),
        ("network.faults[0].begins.is", "AtByte", "network.faults[0].begins: no class named 'AtByte'"),
        ("receiver", {"is": "Receiver"}, "receiver: expected null, found"),
        ("titel", "x", "titel: no field of Scenario named 'titel'; did you mean title?"),
        ("title", ..., "Scenario needs title"),
    ],
)
def test_a_mistake_is_told_with_file_and_place(path: str, value: Any, said: str) -> None:
    assert damaged(path, value).startswith(f"x.json: {said}")


@pytest.mark.parametrize("tree", [None, [], "x", {}, {"is": "Answer"}])
def test_what_is_no_scenario_at_all_is_refused(tree: Any) -> None:
    assert complaint(lambda: recorded.load(tree, "x.json")).startswith("x.json: ")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.json", b"{", r"a\.json is not JSON: "),
        ("a.json", b"\xff", r"a\.json is not JSON: "),
        ("a.json", b"[" * 100_000, r"a\.json is not JSON: "),
        ("a.json", b"[]", r"a\.json: expected a scenario as a JSON object, found list"),
        ("a.json", b"{}", r'a\.json: expected {"is": Scenario'),
        ("a-b.json", b"{}", r"a-b\.json: its name becomes the scenario's, .*; rename it"),
        ("missing.json", None, r"missing\.json cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_scenario_is_named(name: str, data: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    assert re.search(said, complaint(lambda: recorded.read(path)))


def test_a_mistake_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = recorded.write(SCENARIO, tmp_path)
    path.write_text(path.read_text("utf-8").replace('"AtByte"', '"AtBite"'), "utf-8")
    assert complaint(lambda: recorded.read(path)).startswith(f"{path}: script.steps[0].faults[0].at: no class named")


def test_a_scenario_whose_name_is_no_files_name_is_not_written(tmp_path: Path) -> None:
    for name in ("", "../up", "A", "a.b"):
        assert "cannot be recorded: a name has only" in complaint(
            lambda name=name: recorded.write(replace(SCENARIO, name=name), tmp_path)
        )
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "plain.json").write_text("{", "utf-8")
    assert "is not JSON" in complaint(lambda: recorded.write(SCENARIO, tmp_path))


class Own:
    """A step of somebody's own."""

    def reply(self, request: Request) -> Reply:
        raise NotImplementedError

    def texts(self, seed: str) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFault(Fault):
    """A fault outside the package."""


def but(**fields: Any) -> Scenario:
    return replace(SCENARIO, **fields)


def edited(value: Any) -> Scenario:
    return but(script=script(Answer(faults=(EditJson(at=AtEvent(), put=(("a", value),)),))))


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        (but(script=script(Own())), "script.steps[0]: "),
        (but(script=script(Answer(faults=(OwnFault(),)))), "script.steps[0].faults[0]: "),
        (but(request={"a": (1, 2)}), "request.a: expected JSON, found (1, 2)"),
        (but(request={"a": {1: 2}}), "request.a: expected JSON, found {1: 2}"),
        (but(request={1: 2}), "request: expected an object whose names are strings"),
        (edited(b"x"), "script.steps[0].faults[0].put[0][1]: expected JSON, found b'x'"),
        (edited(float("inf")), "script.steps[0].faults[0].put[0][1]: expected JSON, found inf"),
        (but(sources=["a"]), "sources: expected a tuple, found ['a']"),
        (but(title=b"x"), "title: expected a string, found b'x'"),
        (
            but(script=script(Answer(faults=(Inject(at=AtEnd(), data="x"),)))),
            "script.steps[0].faults[0].data: expected",
        ),
        (edited(1), None),
    ],
)
def test_what_would_not_come_back_as_it_was_is_not_written(scenario: Scenario, said: str | None) -> None:
    if said is None:
        assert recorded.load(recorded.dump(scenario), "x") == scenario
    else:
        assert complaint(lambda: recorded.dump(scenario)).startswith(f"scenario .plain: {said}")


def test_a_scenario_with_a_receiver_is_not_recorded() -> None:
    one = next(one for one in catalog.scenarios().values() if one.receiver is not None)
    assert complaint(lambda: recorded.dump(one)).startswith(
        f"scenario {one.id}: receiver: expected null, found Receiver("
    )
