"""Plays a shrunk failure on real sockets: what does not come again there is not told as the client's failure."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from harness import catalog, engine, recorded
from harness.adapter import Adapter
from harness.campaign import LONGEST_LIVE_SECONDS, to_record
from harness.events import CaseFinished
from harness.fuzz import LIMITS, SEED, Failure
from harness.history import Case
from harness.model import Scenario
from harness.plan import Plan, PlannedCase, Tier
from harness.sim import runner
from harness.sim.agreement import difference
from harness.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What became of a failure on sockets."""

    failure: Failure
    scenario: Scenario
    """As it is recorded."""
    doubt: str
    """Why it is not told as the client's failure; empty when it is."""


def planned(scenario: Scenario, adapter: Adapter) -> PlannedCase:
    """The case of a recorded scenario, with the seed that it was found with."""
    return PlannedCase(scenario=scenario, adapter=adapter, seed=SEED, policy=adapter.policy)


def confirm(failure: Failure, adapter: Adapter) -> Confirmed:
    """Play the case of ``failure`` in the simulation and on sockets."""
    seconds = lasted(to_record(failure, 0.0), adapter)
    scenario = to_record(failure, seconds)
    return Confirmed(failure=failure, scenario=scenario, doubt=_doubt(failure, scenario, adapter, seconds))


def lasted(scenario: Scenario, adapter: Adapter) -> float:
    """Virtual seconds until the call ended, however long that takes."""
    case = planned(replace(scenario, limits=LIMITS), adapter)
    return max((one.t for one in runner.run(case).client), default=0.0)


def _doubt(failure: Failure, scenario: Scenario, adapter: Adapter, seconds: float) -> str:
    if seconds > LONGEST_LIVE_SECONDS:
        return f"not played on sockets, where it would take {seconds:.0f} s"
    law = failure.code.partition("/")[0]
    simulated = engine.finished(runner.run(planned(scenario, adapter)), catalog.laws())
    if law not in _broken(simulated):
        return "it did not come again in the simulation: the client does not do the same twice"
    live = asyncio.run(play(planned(scenario, adapter)))
    if law in _broken(live):
        return ""
    if live.record is not None and Case(live.record).network_failure is not None:
        return f"the network could not be set up: {live.why}"
    return f"a discrepancy of the simulator: {difference(simulated, live) or f'{law} is not broken on sockets'}"


def _broken(result: CaseFinished) -> set[str]:
    return {one.law for one in result.rulings if one.verdict is Verdict.FAIL}


def replayed(path: str, client: str) -> str:
    """What a recorded scenario shows of a client, on sockets: the harm, or nothing when it passes.

    Args:
        path: the file of the scenario.
        client: as ``streamproof run --client`` takes it.

    Raises:
        UsageError: there is no such file or client.
    """
    result = asyncio.run(play(planned(recorded.read(Path(path)), catalog.adapter(client))))
    return "" if result.finding is None or result.verdict is Verdict.PASS else result.finding.harm


async def play(case: PlannedCase) -> CaseFinished:
    """Run one case on sockets."""
    plan = Plan(cases=(case,), seed=SEED, tier=Tier.LIVE)
    events = engine.run(plan, catalog.laws())
    (result,) = [event async for event in events if isinstance(event, CaseFinished)]
    return result
