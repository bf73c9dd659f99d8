"""What can be drawn: every kind of everything, rightly put together, the simplest first, and all of it can be sent."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
from hypothesis import strategies as st
from sampled import sample

from fake_server import answer as steps_of_a_script
from fake_server import bounds, faults
from fake_server.answer import Answer
from fake_server.dialects.anthropic import ERROR_TYPES
from fake_server.effects import Send
from fake_server.fault import Fault
from fake_server.faults.error_event import ErrorEvent
from fake_server.faults.repeat_bytes import RepeatBytes
from fake_server.position import AtByte, AtEnd, AtEvent, Position
from fake_server.script import Request
from fake_server.text import story
from harness import strategies
from harness.errors import UsageError
from harness.network import DOWN, End, When
from harness.strategies.hints import values
from harness.toxiproxy import toxics
from harness.toxiproxy.toxic import Activation, Toxic, attributes_of


def inside(package: Any, base: type[Any]) -> set[type[Any]]:
    """The classes that the modules of a package define."""
    found = [
        importlib.import_module(f"{package.__name__}.{one.name}") for one in pkgutil.iter_modules(package.__path__)
    ]
    return {
        one
        for module in found
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, base) and one.__module__ == module.__name__
    }


def drawn(strategy: st.SearchStrategy[Any], count: int = 300) -> set[type[Any]]:
    return {type(one) for one in sample(strategy, count)}


FAULTS = sample(strategies.faults(), 1000)
BLOCKS = sample(strategies.blocks(), 200)
ANSWERS = sample(strategies.answers(), 300)
NETWORKS = [fault for network in sample(strategies.networks(), 1000) for fault in network.faults]


def test_every_kind_of_fault_is_drawn() -> None:
    assert {type(one) for one in FAULTS} == inside(faults, Fault)


def test_faults_of_one_kind_can_be_asked_for() -> None:
    assert drawn(strategies.faults(RepeatBytes), 20) == {RepeatBytes}


def test_every_setting_of_a_fault_takes_more_than_one_value() -> None:
    for kind in inside(faults, Fault):
        found = sample(strategies.faults(kind), 40)
        assert [name for name in kind.__slots__ if len({repr(getattr(one, name)) for one in found}) == 1] == []


def test_what_is_drawn_takes_a_short_time_and_few_bytes() -> None:
    for one in FAULTS:
        for name in bounds.bounds_of(type(one)):
            value = getattr(one, name)
            assert abs(value) <= (64 * 1024 if isinstance(value, int) else 3), one


def test_values_beyond_what_is_usual_are_not_drawn() -> None:
    assert max(one.count * one.every for one in sample(strategies.faults(RepeatBytes), 200)) <= 10


def test_a_range_beyond_what_is_quick_is_drawn_from_its_quick_end() -> None:
    far, below = values(bounds_hint(int, 10**6, 10**9)), values(bounds_hint(int, -(10**9), -(10**6)))
    slow = values(bounds_hint(float, 100.0, 200.0))
    assert set(sample(far, 20)) == {10**6}
    assert set(sample(below, 20)) == {-(10**6)}
    assert set(sample(slow, 20)) == {100.0}


def bounds_hint(kind: type[Any], low: float, high: float) -> Any:
    return Annotated[kind, bounds.Between(low, high)]


def test_every_kind_of_place_is_drawn() -> None:
    assert drawn(strategies.positions()) == {*get_args(Position)}


def test_places_of_some_kinds_can_be_asked_for() -> None:
    assert drawn(strategies.positions(AtByte, AtEnd)) == {AtByte, AtEnd}


def test_every_event_of_the_dialect_is_a_place() -> None:
    request = Request(attempt=1, seed="s", body={"stream": True})
    effects = Answer(sentences=1).reply(request).body
    events = {effect.event for effect in effects if isinstance(effect, Send)}
    assert {one.name for one in sample(strategies.positions(AtEvent), 300)} == events | {None}


def test_every_kind_of_block_is_drawn() -> None:
    kinds = {block.whole["type"] for said in BLOCKS for block in said}
    tools = {"tool_use", "server_tool_use", "web_search_tool_result"}
    assert kinds == {"text", "thinking", "redacted_thinking", "novelty", *tools}


def test_every_stop_reason_is_drawn() -> None:
    cut = {"max_tokens", "model_context_window_exceeded", "stop_sequence", "refusal"}
    assert {answer.stop_reason for answer in ANSWERS} == {"end_turn", "tool_use", "pause_turn", *cut}


def test_a_stop_reason_fits_what_was_said() -> None:
    for answer in ANSWERS:
        kinds = [block.whole["type"] for block in answer.blocks or ()]
        assert answer.stop_reason != "tool_use" or kinds[-1] == "tool_use"
        assert answer.stop_reason not in ("end_turn", "refusal", "pause_turn") or "tool_use" not in kinds
        assert answer.stop_reason != "pause_turn" or "server_tool_use" in kinds
        assert (answer.stop_reason == "stop_sequence") == (answer.stop_sequence is not None)


def test_the_text_of_an_answer_is_one_short_story_in_however_many_blocks() -> None:
    stories = {story(name, count) for name in "abc" for count in range(1, 5)}
    texts = [answer.texts("s")[0] for answer in ANSWERS if answer.blocks is not None]
    assert {*texts} - {""} <= stories
    assert len({*texts}) > 6


def test_a_search_of_the_servers_is_followed_by_its_result() -> None:
    for said in BLOCKS:
        for call, result in pairwise(said):
            if call.whole["type"] == "server_tool_use":
                assert result.whole["tool_use_id"] == call.whole["id"]


def test_answers_are_struck_by_the_faults_that_are_given_and_else_by_none() -> None:
    struck = sample(strategies.answers(strategies.faults(ErrorEvent)), 60)
    assert {type(fault) for answer in struck for fault in answer.faults} == {ErrorEvent}
    assert not any(answer.faults for answer in ANSWERS)


def test_every_status_is_refused_with_and_every_kind_of_retry_after_is_given() -> None:
    found = sample(strategies.refusals(), 500)
    hints = {value for one in found for name, value in one.headers if name == "retry-after"}
    assert {one.status for one in found} > {*ERROR_TYPES}
    assert hints > {"1", "0", "0.5", "-5", "nan", "inf", "7200", ""}
    assert {one.retry_after_date for one in found} > {None, 2.0, -60.0}


def test_every_kind_of_step_is_drawn() -> None:
    kinds = {one for one in vars(steps_of_a_script).values() if isinstance(one, type) and hasattr(one, "texts")}
    assert drawn(strategies.steps()) == kinds


def test_every_kind_of_toxic_and_every_moment_is_drawn() -> None:
    known = {one.name for one in pkgutil.iter_modules(toxics.__path__)}
    assert {one.type for one in NETWORKS} == {*known, DOWN}
    assert {type(one.begins) for one in NETWORKS} == {*get_args(When)}
    assert {type(one.ends) for one in NETWORKS} == {*get_args(End), type(None)}
    assert {one.stream for one in NETWORKS} == {"upstream", "downstream"}


def test_every_attribute_of_a_toxic_is_drawn() -> None:
    for kind in inside(toxics, Toxic):
        type_ = kind.__module__.rpartition(".")[2]
        given = {name for one in NETWORKS if one.type == type_ for name in one.attributes}
        assert given == {*attributes_of(kind), *attributes_of(Activation)}


NEW = '''"""A hiccup."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fake_server.bounds import Between
from fake_server.fault import Fault
from fake_server.position import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Hiccup(Fault):
    """It hiccups."""

    at: Position
    times: Annotated[int, Between(2, 5)]
    how: Literal["loudly", "softly"] = "softly"
    why: {why}
'''


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """A new fault in its package, as if it lay there, with a field ``why`` of the given type."""
    (tmp_path / "hiccup.py").write_text(NEW.replace("{why}", request.param), "utf-8")
    monkeypatch.setattr(faults, "__path__", [*faults.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    yield
    sys.modules.pop("fake_server.faults.hiccup", None)


@pytest.mark.parametrize("added", ["bool = True"], indirect=True)
def test_a_fault_that_is_added_to_the_package_is_drawn_at_once(added: None) -> None:
    (kind,) = (one for one in drawn(strategies.faults(), 800) if one.__name__ == "Hiccup")
    found: list[Any] = sample(strategies.faults(kind), 100)
    assert {one.times for one in found} == {2, 3, 4, 5}
    assert {one.how for one in found} == {"loudly", "softly"}
    assert {one.why for one in found} == {True, False}


@pytest.mark.parametrize("added", ["complex"], indirect=True)
def test_a_field_of_which_nothing_says_what_to_draw_is_named(added: None) -> None:
    with pytest.raises(UsageError, match=r"Hiccup\.why: nothing is drawn for .*complex.*: annotate .*Examples"):
        strategies.faults()


def test_a_place_of_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="no position named 'Answer'"):
        strategies.positions(Answer)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hint", "kinds"),
    [(str, {str}), (bytes, {bytes}), (float, {float}), (int | None, {int, type(None)}), (tuple[int, bool], {tuple})],
)
def test_values_have_the_type_of_their_hint(hint: Any, kinds: set[type[Any]]) -> None:
    assert drawn(values(hint), 60) == kinds
