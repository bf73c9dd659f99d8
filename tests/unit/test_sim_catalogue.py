"""The catalogue in virtual time, and what makes a simulation agree with sockets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import breaking
import msgspec
import pytest

from fake_server.answer import Answer
from fake_server.faults.pause import Pause
from fake_server.position import AtEvent
from fake_server.record import Ended
from fake_server.script import script
from harness import catalog
from harness.adapter import Adapter
from harness.adapters import bundled_chat, bundled_responses
from harness.adapters.bundled import ADAPTER
from harness.adapters.bundled_sync import BundledSyncAdapter
from harness.adapters.naive import NaiveAdapter
from harness.engine import finished
from harness.events import CaseFinished
from harness.history import Record
from harness.model import Cancelled, ErrorSeen, Expect, Finished, Outcome, Policy, Scenario, Shown, TimedOut
from harness.network import DOWN, Lasting, Network, NetworkFault
from harness.plan import PlannedCase
from harness.sim import runner
from harness.sim.agreement import difference
from harness.toxiproxy.events import Stopped
from harness.verdict import Verdict

PLAIN = Scenario(name="plain", family="sim", title="It is plain.", script=script(Answer(sentences=2)), expect=Expect())


def result(scenario: Scenario) -> CaseFinished:
    case = PlannedCase(scenario=scenario, adapter=ADAPTER, seed="1", policy=Policy.RECOVER)
    return finished(runner.run(case), catalog.laws())


CASES = [
    PlannedCase(scenario=scenario, adapter=adapter, seed="1", policy=Policy.RECOVER)
    for adapter in (ADAPTER, bundled_chat.ADAPTER, bundled_responses.ADAPTER)
    for scenario in catalog.scenarios().values()
    if adapter.dialect in scenario.spoken_in
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_bundled_client_passes_the_catalogue_in_virtual_time(case: PlannedCase) -> None:
    if why := runner.not_possible(case):
        pytest.skip(why)
    judged = finished(runner.run(case), catalog.laws())
    assert judged.verdict in (Verdict.PASS, Verdict.SKIP), judged.finding


@pytest.mark.parametrize(
    ("adapter", "why"),
    [
        (ADAPTER, ""),
        (NaiveAdapter(), ""),
        (BundledSyncAdapter(), "bundled_sync can only be run on sockets"),
        (bundled_chat.ADAPTER, "bundled_chat speaks openai_chat"),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_cases_are_drawn_for_what_is_simulated_and_speaks_the_messages_api(adapter: Adapter, why: str) -> None:
    found = runner.cannot_search(adapter)
    assert found.startswith(why)
    assert bool(found) == bool(why)


def test_a_bug_of_the_client_that_raises_ends_the_case_and_not_the_run() -> None:
    slow = replace(PLAIN, script=script(Answer().but(Pause(at=AtEvent(None, 2), seconds=1))))
    case = PlannedCase(scenario=slow, adapter=breaking.raises, seed="1", policy=Policy.RECOVER)
    record = runner.run(case)
    bug = ErrorSeen(name="KeyError", message="'index'", typed=False)
    assert [one for one in record.client if isinstance(one, Finished)] == [
        Finished(t=record.client[-1].t, outcome=Outcome.FAILED, error=bug)
    ]
    assert [one.how for one in record.server if isinstance(one, Ended)] == ["peer_closed"]
    assert finished(record, catalog.laws()).verdict is Verdict.FAIL


# ---- agreement


def with_record(change: Callable[[Record], Record]) -> CaseFinished:
    judged = result(PLAIN)
    assert judged.record is not None
    return msgspec.structs.replace(judged, record=change(judged.record))


def ending(end: Any, *seen: Any) -> CaseFinished:
    return with_record(lambda record: msgspec.structs.replace(record, client=(*seen, end)))


def failed(text: str) -> CaseFinished:
    error = ErrorSeen(name="ConnectionLost", message="", typed=True, partial=text)
    return ending(Finished(outcome=Outcome.INCOMPLETE, error=error), Shown(text=text))


def answered(text: str) -> CaseFinished:
    return ending(Finished(outcome=Outcome.COMPLETE, text=text), Shown(text=text))


def test_what_is_the_same_agrees() -> None:
    assert difference(result(PLAIN), result(PLAIN)) == ""


def test_another_verdict_is_a_difference() -> None:
    broken = result(replace(PLAIN, expect=Expect(outcome=Outcome.REFUSED)))
    assert broken.verdict is Verdict.FAIL
    assert difference(broken, result(PLAIN)).endswith(" in the simulation and pass on sockets")
    assert difference(broken, broken) == ""


def test_other_broken_laws_are_a_difference() -> None:
    broken = result(replace(PLAIN, expect=Expect(outcome=Outcome.REFUSED)))
    assert difference(broken, msgspec.structs.replace(broken, rulings=())).endswith("and fail on sockets")


def test_a_case_without_a_history_agrees_by_its_verdict() -> None:
    judged = result(PLAIN)
    assert difference(judged, msgspec.structs.replace(judged, record=None)) == ""


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (answered("ab"), failed("ab"), "it ended complete in the simulation and incomplete on sockets"),
        (ending(TimedOut()), ending(Cancelled()), "it ended timed out in the simulation and cancelled on sockets"),
        (answered("ab"), answered("a"), "the texts differ: 2 characters in the simulation, 1 on sockets"),
        (failed("ab"), failed("ac"), "the texts differ: 2 characters in the simulation, 2 on sockets"),
        (failed("ab"), failed("a"), ""),
        (failed("a"), failed("ab"), ""),
    ],
)
def test_only_of_a_call_without_an_answer_one_text_may_be_the_beginning_of_the_other(
    one: CaseFinished, other: CaseFinished, told: str
) -> None:
    assert difference(one, other) == told


def test_a_proxy_that_is_down_already_does_not_go_down_again() -> None:
    down = NetworkFault(type=DOWN, ends=Lasting(0.2))
    judged = result(replace(PLAIN, network=Network(faults=(down, down))))
    assert judged.record is not None
    assert sum(isinstance(one, Stopped) for one in judged.record.network) == 1
