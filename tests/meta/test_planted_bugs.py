"""The harness against clients that are broken on purpose: what it cannot catch here it would not catch anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from meta.planted import PLANTED, LeavesConnectionsOpen, NeverStreams, Planted

from client_under_test.errors import StreamError
from client_under_test.sinks.relay import relay
from fake_server.answer import Refuse
from fake_server.script import script
from harness import catalog, engine
from harness.adapter import Adapter
from harness.adapters import bundled_relay
from harness.adapters.bundled import ADAPTER
from harness.events import CaseFinished
from harness.model import Policy
from harness.plan import Plan, PlannedCase
from harness.verdict import Verdict

DEAD = Refuse(status=401)
NEVER_STREAMS = Planted("never-streams", NeverStreams, "cutoff.clean_end_mid_text", "SP22")


def case(scenario: str, adapter: Adapter) -> PlannedCase:
    found = catalog.scenarios()[scenario]
    quick = msgspec.structs.replace(found.limits, settle=7.0)
    return PlannedCase(scenario=replace(found, limits=quick), adapter=adapter, seed="3", policy=adapter.policy)


@pytest.fixture(scope="module")
def results() -> dict[str, CaseFinished]:
    """Every planted bug in its scenario, and the sound client in the same ones; all at once.

    Many beside each other make the machine late, and then laws that measure time say nothing, and a client reads over
    the cut that shows its bug. So what was not told of all of them is asked again with fewer beside it, twice.
    """
    wanted = {one.id: one for one in (case(bug.scenario, bug.adapter) for bug in (*PLANTED, NEVER_STREAMS))}
    sound = [case(name, ADAPTER) for name in dict.fromkeys(one.scenario for one in PLANTED)]

    async def run(cases: Iterable[PlannedCase]) -> dict[str, CaseFinished]:
        events = engine.run(Plan(cases=tuple(cases), seed="3", jobs=16), catalog.laws())
        return {event.case: event async for event in events if isinstance(event, CaseFinished)}

    async def run_all() -> dict[str, CaseFinished]:
        found = await run([*wanted.values(), *sound])
        for _ in range(2):
            found |= await run(wanted[name] for name in wanted if found[name].verdict is not Verdict.FAIL)
            found |= await run(one for one in sound if found[one.id].verdict is Verdict.UNKNOWN)
        for leaked in LeavesConnectionsOpen.leaked:
            await (super(LeavesConnectionsOpen, leaked) if hasattr(leaked, "_http") else leaked._drive).aclose()
        return found

    return asyncio.run(run_all())


def broken(result: CaseFinished) -> set[str]:
    return {ruling.law for ruling in result.rulings if ruling.verdict is Verdict.FAIL}


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_every_planted_bug_is_caught_by_its_scenario_and_named_by_its_law(
    bug: Planted, results: dict[str, CaseFinished]
) -> None:
    result = results[f"{bug.scenario}@{bug.adapter.name}:3"]
    assert result.verdict is Verdict.FAIL
    assert bug.law in broken(result), [(one.law, one.harm) for one in result.rulings if one.verdict is Verdict.FAIL]


@pytest.mark.parametrize("scenario", sorted({bug.scenario for bug in PLANTED}))
def test_the_sound_client_passes_where_the_broken_ones_fail(scenario: str, results: dict[str, CaseFinished]) -> None:
    result = results[f"{scenario}@bundled:3"]
    assert result.verdict is Verdict.PASS, result.finding


def test_every_law_catches_at_least_one_planted_bug(results: dict[str, CaseFinished]) -> None:
    planted = [result for result in results.values() if result.client != "bundled"]
    caught = {law for result in planted for law in broken(result)}
    never_fail = {"SP00", "SP22"}
    assert {law.code for law in catalog.laws()} - caught == never_fail


def test_a_client_that_never_meets_the_fault_is_unknown_and_never_passes(results: dict[str, CaseFinished]) -> None:
    result = results[f"{NEVER_STREAMS.scenario}@{NEVER_STREAMS.adapter.name}:3"]
    assert (result.verdict, result.finding and result.finding.law) in {
        (Verdict.UNKNOWN, "SP22"),
        (Verdict.FAIL, "SP17"),
    }
    assert any(ruling.law == "SP22" and ruling.verdict is Verdict.UNKNOWN for ruling in result.rulings)


async def polite(stream: AsyncIterable[Any]) -> AsyncGenerator[bytes, None]:
    """A relay that has said 200, and ends in good order when its source dies."""
    with suppress(StreamError):
        async for chunk in relay(stream):
            if b'"type": "error"' not in chunk:
                yield chunk


@pytest.mark.parametrize("scenario", ["cutoff.reset_mid_text", "order.overloaded_mid_text"])
@pytest.mark.parametrize(("relays", "verdict"), [(relay, Verdict.PASS), (polite, Verdict.FAIL)])
def test_a_relay_that_ends_politely_when_its_source_dies_is_caught(
    scenario: str, relays: Any, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = replace(catalog.scenarios()[scenario], script=script(catalog.scenarios()[scenario].script.steps[0], DEAD))
    cases = (PlannedCase(scenario=one, adapter=bundled_relay.ADAPTER, seed="3", policy=Policy.RAISE),)
    monkeypatch.setattr(bundled_relay, "relay", relays)

    async def run() -> CaseFinished:
        events = engine.run(Plan(cases=cases, seed="3"), catalog.laws())
        (found,) = [event async for event in events if isinstance(event, CaseFinished)]
        return found

    result = asyncio.run(run())
    assert result.verdict is verdict, result.finding
    assert verdict is Verdict.PASS or "SP02" in broken(result)
