"""Whole scenarios, and the networks that they run over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fake_server.answer import Answer, InTurns, Refuse
from fake_server.script import Script, Step
from harness.fields import fields_of
from harness.model import Capability, Expect, Outcome, Scenario, ToolUse
from harness.network import (
    DOWN,
    AfterBytes,
    AfterEvents,
    AfterReply,
    AfterSeconds,
    AtAttempt,
    AtStart,
    End,
    Lasting,
    Network,
    NetworkFault,
    When,
)
from harness.recorded import fingerprint
from harness.strategies.hints import values
from harness.strategies.proven import Proven, proven
from harness.strategies.steps import is_absurd, scripts
from harness.toxiproxy.toxic import STREAMS, Activation, kinds

T = TypeVar("T")

FAMILY = "fuzz"

_ATTEMPTS = st.sampled_from((1, 1, 2))
_SECONDS = st.integers(0, 1000).map(lambda number: number / 1000)
_NAMES = st.sampled_from(("content_block_delta", None, "message_start", "content_block_stop", "message_stop"))
_MIDWAY: tuple[SearchStrategy[Any], ...] = (
    st.builds(AtAttempt, st.sampled_from((2, 1, 3))),
    st.builds(AfterEvents, st.integers(1, 12), _NAMES, _ATTEMPTS),
    st.builds(AfterBytes, st.integers(1, 4096), _ATTEMPTS),
    st.builds(AfterReply, _ATTEMPTS),
    st.builds(AfterSeconds, _SECONDS),
)
_MODELS = st.sampled_from((None, None, None, "claude-haiku-4-5", "gpt-9"))
"""Each is continued in another way when its answer breaks off."""
_CANCELS = st.sampled_from((None,) * 9 + (20,))
_BEGINS: SearchStrategy[When] = st.one_of(st.just(AtStart()), *_MIDWAY)
_ENDS: SearchStrategy[End | None] = st.one_of(st.none(), *_MIDWAY, st.builds(Lasting, _SECONDS))


def networks() -> SearchStrategy[Network]:
    """Networks with none to two faults, each with the moments at which it begins and ends."""
    faults = st.one_of(*(_toxics(name) for name in kinds()), _downs())
    return st.lists(faults, max_size=2).map(lambda found: Network(faults=tuple(found)))


def _toxics(name: str) -> SearchStrategy[NetworkFault]:
    """A toxic of one type, with some of its attributes, and some that any toxic has."""
    known = {**fields_of(kinds()[name]), **fields_of(Activation)}
    return st.builds(
        NetworkFault,
        type=st.just(name),
        stream=st.sampled_from(STREAMS[::-1]),
        attributes=st.fixed_dictionaries({}, optional={name: values(one.hint) for name, one in known.items()}),
        toxicity=st.sampled_from((1.0, 1.0, 0.5)),
        begins=_BEGINS,
        ends=_ENDS,
    )


def _downs() -> SearchStrategy[NetworkFault]:
    return st.builds(NetworkFault, type=st.just(DOWN), begins=_BEGINS, ends=_ENDS)


def scenarios(max_faulty: int = 2, network: SearchStrategy[Network | None] | None = None) -> SearchStrategy[Scenario]:
    """Whole scenarios of the family ``fuzz``, named after what they say.

    The expectation is mostly lenient: any outcome is right if it is honest, and a client that says that the answer is
    complete has all of its tools. Of some scripts more is known (:mod:`harness.strategies.proven`).

    Args:
        max_faulty: most steps that fail before the last one.
        network: what is drawn for the network; by default mostly none.
    """
    over = _seldom(networks()) if network is None else network
    drawn = st.builds(_scenario, scripts(max_faulty), over, _MODELS, _CANCELS)
    if network is not None or max_faulty == 0:
        return drawn
    known = proven().map(_of_what_is_known)
    return st.sampled_from((False, False, True)).flatmap(lambda is_known: known if is_known else drawn)


def _seldom(network: SearchStrategy[Network]) -> SearchStrategy[Network | None]:
    return st.sampled_from((False, False, True)).flatmap(lambda breaks: network if breaks else st.none())


def _of_what_is_known(known: Proven) -> Scenario:
    title = _title(known.script, None)
    scenario = Scenario(name="", family=FAMILY, title=title, script=known.script, expect=known.expect, **known.more)
    return replace(scenario, name=f"drawn_{fingerprint(scenario)}")


def _scenario(script: Script, network: Network | None, model: str | None, cancel_after: int | None) -> Scenario:
    network = network if network is not None and network.faults else None
    tools = tuple(_tools(script.steps[-1]))
    others = tuple(one for one in Outcome if one is not Outcome.COMPLETE)
    absurd = any(map(is_absurd, script.steps))
    scenario = Scenario(
        name="",
        family=FAMILY,
        title=_title(script, network),
        script=script,
        expect=Expect(also=others, may_fail=True, tools=tools, absurd_hint=absurd),
        requires=frozenset({Capability.TOOLS} if tools else ()),
        request=_request(tools, model),
        network=network,
        cancel_after=cancel_after,
    )
    return replace(scenario, name=f"drawn_{fingerprint(scenario)}")


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """The scenario with a lenient expectation, without one of its steps, of their faults, or of the network's, or with
    less to say.

    What is simplest to Hypothesis is what was drawn with the fewest choices, which may be two steps where one will do.
    """
    script, network = scenario.script, scenario.network
    model, cancel_after = scenario.request.get("model"), scenario.cancel_after
    if not scenario.expect.also:
        yield _scenario(script, network, model, cancel_after)
        return
    for steps in _simpler_steps(script.steps):
        yield _scenario(Script(steps), network, model, cancel_after)
    for place in range(len(network.faults) if network is not None else 0):
        assert network is not None
        yield _scenario(script, Network(faults=_without(network.faults, place)), model, cancel_after)
    if model is not None or cancel_after is not None:
        yield _scenario(script, network, None, None)


def _simpler_steps(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    if len(steps) > 1:
        yield from (_without(steps, place) for place in range(len(steps)))
    for place, step in enumerate(steps):
        if isinstance(step, Answer):
            yield from ((*steps[:place], fewer, *steps[place + 1 :]) for fewer in _simpler_answers(step))


def _simpler_answers(answer: Answer) -> Iterator[Answer]:
    for fault in range(len(answer.faults)):
        yield replace(answer, faults=_without(answer.faults, fault))
    plain = replace(answer, blocks=None, sentences=1, story="", pace=0.0)
    if plain != answer:
        yield plain


def _without(items: tuple[T, ...], place: int) -> tuple[T, ...]:
    return (*items[:place], *items[place + 1 :])


def _request(tools: tuple[ToolUse, ...], model: str | None) -> dict[str, Any]:
    named = {} if model is None else {"model": model}
    return named | ({"tools": [_specification(one.name) for one in tools]} if tools else {})


def _tools(step: Step) -> Iterator[ToolUse]:
    """The calls that a user would run; a turn that stops for another reason has none."""
    if isinstance(step, Answer) and step.stop_reason == "tool_use":
        called = [block.whole for block in step.blocks or () if block.whole["type"] == "tool_use"]
        yield from (ToolUse(one["name"], one["input"]) for one in called)


def _specification(tool: str) -> dict[str, Any]:
    return {"name": tool, "description": "A tool.", "input_schema": {"type": "object", "properties": {}}}


def _title(script: Script, network: Network | None) -> str:
    toxics = [name for name, _ in network.named()] if network is not None else []
    over = f", over a network with {' and '.join(toxics)}" if toxics else ""
    return f"Drawn at random: {', then '.join(map(_words, script.steps))}{over}."


def _words(step: Step) -> str:
    match step:
        case Answer(faults=faults) if faults:
            return " and ".join(fault.name for fault in faults)
        case Answer():
            return "a whole answer"
        case InTurns(parts):
            return f"a turn in {len(parts)} parts"
        case Refuse(status=status):
            return f"a {status}"
        case _:
            return "the answer of a stranger"
