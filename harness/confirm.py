"""Plays a shrunk failure on real sockets: what does not come again there is the simulator's fault, not the client's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from harness import catalog, engine, recorded
from harness.adapter import Adapter
from harness.events import CaseFinished
from harness.fuzz import SEED, Failure
from harness.history import Case
from harness.model import Scenario
from harness.plan import Plan, PlannedCase, Tier
from harness.sim import runner
from harness.sim.agreement import difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What became of a failure on sockets."""

    failure: Failure
    scenario: Scenario
    """As it is recorded."""
    discrepancy: str
    """In what the simulation and the sockets differ; empty when the failure is the client's."""


def planned(scenario: Scenario, adapter: Adapter) -> PlannedCase:
    """The case of a recorded scenario, with the seed that it was found with."""
    return PlannedCase(scenario=scenario, adapter=adapter, seed=SEED, policy=adapter.policy)


def lasted(scenario: Scenario, adapter: Adapter) -> float:
    """Virtual seconds until the call ended."""
    record = runner.run(planned(scenario, adapter))
    return max((one.t for one in record.client), default=0.0)


def confirm(failure: Failure, scenario: Scenario, adapter: Adapter) -> Confirmed:
    """Play ``scenario`` in the simulation and on sockets."""
    simulated = engine.finished(runner.run(planned(scenario, adapter)), catalog.laws())
    live = asyncio.run(_live(planned(scenario, adapter)))
    return Confirmed(failure=failure, scenario=scenario, discrepancy=_unless_the_same_law(failure, simulated, live))


def _unless_the_same_law(failure: Failure, simulated: CaseFinished, live: CaseFinished) -> str:
    law = failure.code.partition("/")[0]
    broken = {one.law for one in live.rulings if one.verdict.value == "fail"}
    if law in broken:
        return ""
    if live.record is not None and Case(live.record).network_failure is not None:
        return f"the network could not be set up: {live.why}"
    return difference(simulated, live) or f"{law} is not broken on sockets"


def replayed(path: str, client: str) -> str:
    """What a recorded scenario shows of a client, on sockets: the harm, or nothing when it passes.

    Args:
        path: the file of the scenario.
        client: as ``streamproof run --client`` takes it.

    Raises:
        UsageError: there is no such file or client.
    """
    result = asyncio.run(_live(planned(recorded.read(Path(path)), catalog.adapter(client))))
    return "" if result.finding is None or result.verdict.value == "pass" else result.finding.harm


async def _live(case: PlannedCase) -> CaseFinished:
    plan = Plan(cases=(case,), seed=SEED, tier=Tier.LIVE)
    events = engine.run(plan, catalog.laws())
    (result,) = [event async for event in events if isinstance(event, CaseFinished)]
    return result
