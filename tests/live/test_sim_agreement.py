"""The simulation and the sockets agree: a thousand cases, the catalogue and broken clients, each in both tiers.

What is left out is what sockets decide by how long things take there, and it is counted: few cases are of that kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import islice

import pytest
from live.both_tiers import Both, in_both_tiers, is_a_matter_of_time, kinds_that_struck, on_sockets, simulated
from meta.planted import PLANTED, Planted
from sampled import sample

from client_under_test.signals import BodyEnded, HeadReceived
from fake_server import fault
from fake_server.answer import Answer, Respond
from fake_server.fault import Fault
from fake_server.faults.content_length import ContentLength
from fake_server.faults.pause import Pause
from fake_server.faults.reset_connection import ResetConnection
from fake_server.faults.until_closed import UntilClosed
from fake_server.position import AtEnd, AtEvent
from fake_server.script import script
from fake_server.wire import JSON_TYPE
from harness import catalog
from harness.adapters.bundled import ADAPTER
from harness.events import CaseFinished
from harness.model import Expect, Limits, Outcome, Scenario
from harness.network import DOWN, AtAttempt, Network, NetworkFault, network, toxic
from harness.plan import PlannedCase
from harness.sim.agreement import difference
from harness.sim.line import EndOfLine
from harness.sim.network import SimNetwork
from harness.sim.response import ResponseReader
from harness.sim.server import Serving
from harness.strategies import faults, networks, scenarios
from harness.toxiproxy.toxic import kinds
from harness.verdict import Verdict

COUNT = 1_000
LONGEST_SECONDS = 6.0
"""In virtual time; with the limit of nine seconds nothing is near its end then."""
LIMITS = Limits(settle=9.0)
OF_EACH_KIND = 6
LENIENT = Expect(also=tuple(one for one in Outcome if one is not Outcome.COMPLETE), may_fail=True)


def case(scenario: Scenario, seed: str = "7") -> PlannedCase:
    return PlannedCase(scenario=scenario, adapter=ADAPTER, seed=seed, policy=ADAPTER.policy)


def told(found: Iterable[Both]) -> list[str]:
    return [one.told for one in found if one.difference and not is_a_matter_of_time(one)]


# ---- a thousand cases


def handmade() -> Iterator[Scenario]:
    """Some of each kind of fault alone, and of each kind of toxic."""
    for kind in fault.kinds().values():
        for number, one in enumerate(sample(faults(kind), OF_EACH_KIND)):
            yield struck_by(f"{kind.__name__}_{number}", one)
    for name in (*kinds(), DOWN):
        for number, over in enumerate((at_first(name), *networks_with(name))):
            yield replace(struck_by(f"{name}_{number}"), network=over)


AND_DOES_SOMETHING = {"slicer": {"average_size": 64}}
"""Attributes of toxics that let everything pass as they are."""


def at_first(name: str) -> Network:
    """A network that breaks the first attempt like that, and no other."""
    attributes = AND_DOES_SOMETHING.get(name, {})
    return Network(faults=(NetworkFault(type=name, attributes=attributes, ends=AtAttempt(2)),))


def networks_with(name: str) -> list[Network]:
    return sample(networks().filter(lambda one: any(fault.type == name for fault in one.faults)), OF_EACH_KIND)


def struck_by(name: str, *struck: Fault) -> Scenario:
    answers = script(Answer(sentences=4, faults=struck), Answer(sentences=4))
    return Scenario(name=name, family="agreement", title=name, script=answers, expect=LENIENT)


def sampled() -> Iterator[PlannedCase]:
    """The handmade cases, and then what is drawn; without those that take too long on sockets."""
    drawn = {one.id: one for one in (*handmade(), *sample(scenarios(), COUNT))}
    for one in drawn.values():
        planned = case(replace(one, limits=LIMITS))
        if ends_soon(planned):
            yield planned


def ends_soon(planned: PlannedCase) -> bool:
    result = simulated(planned)
    assert result.record is not None
    return max((one.t for one in result.record.client), default=0.0) < LONGEST_SECONDS


@cache
def thousand() -> tuple[Both, ...]:
    return tuple(in_both_tiers(islice(sampled(), COUNT)))


@pytest.mark.load
@pytest.mark.slow
def test_a_thousand_cases_end_the_same_in_both_tiers() -> None:
    assert len(thousand()) == COUNT
    assert told(thousand()) == []


@pytest.mark.load
@pytest.mark.slow
def test_few_of_them_are_a_matter_of_time() -> None:
    timed = [one.told for one in thousand() if one.difference]
    assert len(timed) < COUNT / 20, timed


@pytest.mark.load
@pytest.mark.slow
@pytest.mark.parametrize("tier", ["simulated", "live"])
def test_every_kind_of_fault_and_toxic_strikes_in_one_of_them(tier: str) -> None:
    struck = {name for one in thousand() for name in kinds_that_struck(getattr(one, tier))}
    known = {snake(name) for name in fault.kinds()} | {*kinds(), DOWN}
    assert known - struck == set()


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


# ---- the catalogue, and clients that are broken


@pytest.mark.load
def test_the_catalogue_ends_the_same_in_both_tiers() -> None:
    every = (case(one, "11") for one in catalog.scenarios().values() if not (one.receiver or one.before))
    assert told(in_both_tiers(one for one in every if not one.unspoken)) == []


BROKEN = (
    *("clean-end-is-complete", "shows-every-attempt", "retries-everything", "ignores-retry-after"),
    *("decodes-each-read", "repairs-tools", "calls-a-limit-the-end", "loses-the-partial"),
    *("takes-pings-for-progress", "is-impatient", "adds-usage", "keeps-unsigned-thinking"),
)


@pytest.mark.load
def test_broken_clients_are_caught_by_the_same_laws_in_both_tiers() -> None:
    chosen = [bug for bug in PLANTED if bug.name in BROKEN]
    assert len(chosen) == len(BROKEN)
    found = in_both_tiers(map(planted_case, chosen))
    assert [one.told for one in found if broken(one.simulated) != broken(one.live)] == []
    assert {one.verdict for both in found for one in (both.simulated, both.live)} == {Verdict.FAIL}


def broken(result: CaseFinished) -> set[str]:
    return {one.law for one in result.rulings if one.verdict is Verdict.FAIL}


def planted_case(bug: Planted) -> PlannedCase:
    scenario = catalog.scenarios()[bug.scenario]
    return PlannedCase(scenario=scenario, adapter=bug.adapter, seed="3", policy=bug.adapter.policy)


# ---- a simulator that is wrong


Wrong = Callable[[pytest.MonkeyPatch], None]
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Short."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def whole_but(*struck: Fault) -> Scenario:
    """A whole message, whose body then does not end as it should, every time."""
    body = json.dumps(MESSAGE).encode()
    step = Respond(status=200, content_type=JSON_TYPE, body=body, faults=struck)
    return replace(struck_by(struck[-1].name), script=script(step))


def paused(seconds: float) -> Scenario:
    """Each answer pauses, and is asked for as a stream for ever."""
    slow = Answer(sentences=4, faults=(Pause(at=AtEvent("content_block_delta"), seconds=seconds),))
    limits = Limits(idle=0.5, progress=2.0)
    return replace(struck_by("pauses"), script=script(slow), limits=limits, request={"max_tokens": 30_000})


def a_reset_is_a_clean_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EndOfLine, "reset", EndOfLine.close)


def a_fin_is_the_end_of_the_body(patch: pytest.MonkeyPatch) -> None:
    def end(self: ResponseReader) -> Iterator[BodyEnded]:
        if not self.is_over:
            yield BodyEnded()

    patch.setattr(ResponseReader, "end", end)


def toxics_are_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SimNetwork, "_add", lambda *_: None)


def retry_after_is_lost(patch: pytest.MonkeyPatch) -> None:
    right = ResponseReader._head

    def head(self: ResponseReader) -> HeadReceived | None:
        found = right(self)
        return found and replace(found, headers={k: v for k, v in found.headers.items() if k != "retry-after"})

    patch.setattr(ResponseReader, "_head", head)


def time_runs_twice_as_fast(patch: pytest.MonkeyPatch) -> None:
    right = Serving._later
    patch.setattr(Serving, "_later", lambda self, seconds, do: right(self, seconds / 2, do))


def bytes_arrive_out_of_order(patch: pytest.MonkeyPatch) -> None:
    right = EndOfLine._arrive
    patch.setattr(EndOfLine, "_arrive", lambda self, data: right(self, data[::-1] if b"delta" in data else data))


WRONG: tuple[tuple[Wrong, Scenario], ...] = (
    (a_reset_is_a_clean_end, whole_but(UntilClosed(), ResetConnection(at=AtEnd()))),
    (a_fin_is_the_end_of_the_body, whole_but(ContentLength(error=100))),
    (toxics_are_ignored, replace(struck_by("stall"), network=network(toxic("limit_data", bytes=900)))),
    (retry_after_is_lost, catalog.scenarios()["rate_limit.retry_after_seconds"]),
    (time_runs_twice_as_fast, paused(0.8)),
    (bytes_arrive_out_of_order, struck_by("nothing")),
)


@pytest.fixture(scope="module")
def on_real_sockets() -> dict[str, CaseFinished]:
    return on_sockets(case(scenario) for _, scenario in WRONG)


@pytest.mark.slow
@pytest.mark.parametrize(("wrong", "scenario"), WRONG, ids=[wrong.__name__ for wrong, _ in WRONG])
def test_the_comparison_notices_a_simulator_that_is_wrong(
    wrong: Wrong, scenario: Scenario, on_real_sockets: dict[str, CaseFinished], monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = case(scenario)
    assert difference(simulated(planned), on_real_sockets[planned.id]) == ""
    wrong(monkeypatch)
    assert difference(simulated(planned), on_real_sockets[planned.id]) != ""
