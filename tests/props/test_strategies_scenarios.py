"""Whole scenarios that are drawn: the simplest first, the same name for the same thing, and all of it can be sent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from sampled import sample

from fake_server.answer import Answer, InTurns, Refuse
from fake_server.effects import Effect, Last, Send
from fake_server.fault import Fault
from fake_server.faults.error_event import ErrorEvent
from fake_server.position import AtEnd, AtEvent
from fake_server.script import Request, Script, Step, render
from harness import catalog, strategies
from harness.model import Capability, Outcome, Policy, ToolUse
from harness.network import Network
from harness.recorded import fingerprint

quick = settings(max_examples=50)
once = settings(max_examples=1000, database=None, derandomize=True, phases=[Phase.generate, Phase.shrink])
REQUEST = {"stream": True, "messages": [{"role": "user", "content": "Go on."}]}
MOST_EFFECTS, MOST_BYTES = 500_000, 8_000_000
"""Far more than any drawn reply has: three faults on four sentences."""
SCENARIOS = sample(strategies.scenarios(), 150)


def test_the_simplest_of_everything_is_simple() -> None:
    assert simplest(strategies.answers()) == Answer(sentences=1)
    assert simplest(strategies.positions()) == AtEnd()
    assert simplest(strategies.positions(AtEvent)) == AtEvent("content_block_delta", 0)
    assert simplest(strategies.scripts()) == Script((Answer(sentences=1),))
    assert simplest(strategies.networks()) == Network(faults=())
    assert simplest(strategies.refusals()) == Refuse(status=529)
    assert simplest(strategies.scenarios()).network is None


def simplest(strategy: st.SearchStrategy[Any]) -> Any:
    return find(strategy, lambda _: True, settings=once)


def test_what_breaks_by_one_fault_shrinks_to_that_fault_alone() -> None:
    found = find(
        strategies.scenarios(),
        lambda scenario: any(isinstance(fault, ErrorEvent) for fault in struck_in(scenario.script)),
        settings=once,
    )
    assert found.script.steps[0] == Answer(sentences=1, faults=(ErrorEvent(at=AtEnd()),))
    assert found.script.steps[1:] in ((), (Answer(sentences=1),))
    assert found.network is None


def answers_of(script: Script) -> list[Answer]:
    found: list[Answer] = []
    for step in script.steps:
        found += step.parts if isinstance(step, InTurns) else [step] if isinstance(step, Answer) else []
    return found


def struck_in(script: Script) -> list[Fault]:
    return [fault for answer in answers_of(script) for fault in answer.faults]


def test_no_more_steps_fail_than_asked_for() -> None:
    assert max(len(one.steps) for one in sample(strategies.scripts(max_faulty=3), 150)) == 4
    assert {len(one.steps) for one in sample(strategies.scripts(max_faulty=0), 50)} == {1}


def test_all_answers_of_a_script_say_the_same_and_most_end_well() -> None:
    found = sample(strategies.scripts(), 100)
    assert all(len({answer.texts("s") for answer in told(one)}) <= 1 for one in found)
    assert sum(not struck_in(Script(one.steps[-1:])) for one in found) > 50


def told(script: Script) -> Iterator[Answer]:
    """The answers, without what follows a pause."""
    for step in script.steps:
        yield from [step] if isinstance(step, Answer) else step.parts[:1] if isinstance(step, InTurns) else ()


def test_a_scenario_of_which_nothing_is_proven_is_lenient_in_everything_but_the_tools() -> None:
    for scenario in (one for one in SCENARIOS if len(one.expect.also) > 1):
        called = [block.whole for answer in answers_of(scenario.script)[-1:] for block in answer.blocks or ()]
        tools = tuple(ToolUse(one["name"], one["input"]) for one in called if one["type"] == "tool_use")
        is_turn = answers_of(scenario.script)[-1].stop_reason == "tool_use"
        assert scenario.expect.right(Policy.RECOVER) == {*Outcome}
        assert scenario.expect.tools == (tools if is_turn else ())
        assert (Capability.TOOLS in scenario.requires) == bool(scenario.expect.tools)
        assert [one["name"] for one in scenario.request.get("tools", ())] == [one.name for one in scenario.expect.tools]


def test_nonsense_in_a_retry_after_need_not_be_obeyed() -> None:
    for scenario in SCENARIOS:
        refused = [step for step in scenario.script.steps if isinstance(step, Refuse)]
        hints = {value for step in refused for name, value in step.headers if name == "retry-after"}
        dates = {step.retry_after_date for step in refused}
        assert scenario.expect.absurd_hint == bool(hints - {"0", "1"} or dates - {None, 1.0, 2.0})


def test_scenarios_have_one_name_if_they_say_the_same_and_else_two() -> None:
    names = {scenario.name for scenario in SCENARIOS}
    assert len(names) == len({repr(replace(scenario, name="")) for scenario in SCENARIOS})
    assert all(scenario.name == f"drawn_{fingerprint(scenario)}" for scenario in SCENARIOS)


def test_a_name_is_the_same_in_every_process() -> None:
    code = (
        "from harness import catalog\nfrom harness.recorded import fingerprint\n"
        "print(fingerprint(catalog.scenarios()['alternatives.overloaded']))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == fingerprint(catalog.scenarios()["alternatives.overloaded"]), done.stderr


def sent(step: Step, attempt: int = 1) -> list[Effect]:
    """The effects of a reply; no more of them than can be."""
    request = Request(attempt=attempt, seed="s", body=REQUEST)
    return list(islice(render(step.reply(request), request)[1], MOST_EFFECTS))


@given(scenario=strategies.scenarios())
@quick
def test_every_reply_can_be_sent_and_ends_once(scenario: Any) -> None:
    for number, step in enumerate(scenario.script.steps):
        effects = sent(step, number + 1)
        assert [one for one in effects if isinstance(one, Last)] == effects[-1:]
        assert sum(len(one.data) for one in effects if isinstance(one, Send)) < MOST_BYTES


@given(struck=st.lists(strategies.faults(), min_size=2, max_size=4))
@settings(max_examples=150)
def test_any_faults_together_make_a_reply_that_ends_once(struck: list[Fault]) -> None:
    effects = sent(Answer(sentences=1, faults=tuple(struck)))
    assert [one for one in effects if isinstance(one, Last)] == effects[-1:]
