"""What is tried to make a failing scenario simpler."""

from __future__ import annotations

from dataclasses import replace

from fake_server.answer import Answer, Refuse
from fake_server.blocks import text_block
from fake_server.faults.end_early import EndEarly
from fake_server.faults.no_space import NoSpace
from fake_server.position import AtEnd
from fake_server.script import script
from harness.model import Expect, Outcome, Scenario
from harness.network import network, toxic
from harness.strategies.cases import simpler

CUT, ODD = EndEarly(at=AtEnd()), NoSpace()
LENIENT = Expect(also=tuple(one for one in Outcome if one is not Outcome.COMPLETE), may_fail=True)
PLAIN = Answer(sentences=1)


def scenario(*steps: Answer | Refuse, **more: object) -> Scenario:
    fields = {"name": "x", "title": "X.", "expect": LENIENT, **more}
    return Scenario(script=script(*steps), **fields)  # type: ignore[arg-type]


def test_each_step_and_each_fault_is_left_out_once() -> None:
    tried = [one.script.steps for one in simpler(scenario(PLAIN.but(CUT, ODD), Refuse(status=529)))]
    assert tried == [
        (Refuse(status=529),),
        (PLAIN.but(CUT, ODD),),
        (PLAIN.but(ODD), Refuse(status=529)),
        (PLAIN.but(CUT), Refuse(status=529)),
    ]


def test_each_fault_of_the_network_is_left_out_once() -> None:
    slow, cut = toxic("latency"), toxic("limit_data")
    tried = [one.network and one.network.faults for one in simpler(scenario(PLAIN, network=network(slow, cut)))]
    assert tried == [(cut,), (slow,)]


def test_an_answer_is_tried_with_less_to_say() -> None:
    long = Answer(blocks=(text_block("A long text."),), pace=0.1)
    assert [one.script.steps for one in simpler(scenario(long))] == [(PLAIN,)]


def test_another_model_and_a_cancel_are_left_out() -> None:
    tried = list(simpler(scenario(PLAIN, request={"model": "claude-haiku-4-5"}, cancel_after=3)))
    assert [(one.request, one.cancel_after) for one in tried] == [({}, None)]


def test_what_was_proven_is_tried_as_what_is_only_honest() -> None:
    (tried,) = simpler(scenario(PLAIN, expect=Expect(permanent=True)))
    assert tried.expect == LENIENT
    assert not tried.expect.permanent


def test_there_is_nothing_simpler_than_a_plain_answer() -> None:
    assert list(simpler(replace(scenario(PLAIN), name="y"))) == []
