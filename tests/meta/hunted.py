"""Looks for planted bugs by fuzzing: how many simulated cases it takes until one breaks a law by the bug's doing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from meta.planted import PLANTED, LeavesConnectionsOpen, Planted

from harness import catalog, engine
from harness.adapters.bundled import ADAPTER
from harness.events import CaseFinished
from harness.fuzz import LIMITS, SEED, Failure, Shard, explore
from harness.model import Scenario
from harness.plan import PlannedCase
from harness.sim import runner
from harness.verdict import Verdict

MOST = 20_000
SIZE = 200
"""Cases of a shard: a bug that was found in one is found there again without those before it."""
RECORDED = Path(__file__).with_name("hunted.json")
HUNTED = tuple(bug for bug in PLANTED if bug.sink is None and bug.is_drawn)
"""All but the bugs of sinks, which need sockets, and those that only a scenario of their own shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """Where the fuzzer found a bug."""

    law: str
    shard: int
    cases: int
    """Until then, with those of all shards before it."""


def recorded() -> dict[str, Catch | None]:
    """What was found by name of the bug, when somebody hunted last; None for what was not."""
    found = json.loads(RECORDED.read_text("utf-8"))
    return {name: one and Catch(**one) for name, one in found.items()}


def record(caught: dict[str, Catch | None]) -> None:
    """Write down what was found."""
    tree = {name: one and asdict(one) for name, one in sorted(caught.items())}
    RECORDED.write_text(json.dumps(tree, indent=1) + "\n", "utf-8")


def hunt(bug: Planted, shards: Iterable[int]) -> Catch | None:
    """The first case in these shards in which the bug breaks a law and the sound client does not."""
    for number in shards:
        shard = Shard(client=f"meta.planted:{bug.name}", seed="planted", number=number, examples=SIZE)
        results: list[CaseFinished] = []
        for failure in explore(shard, results.append).failures.values():
            if is_the_bugs_doing(failure):
                place = next(n for n, one in enumerate(results, 1) if one.scenario == failure.scenario.id)
                return Catch(law=failure.code.partition("/")[0], shard=number, cases=number * SIZE + place)
        LeavesConnectionsOpen.leaked.clear()
    return None


def is_the_bugs_doing(failure: Failure) -> bool:
    return played(failure.scenario).verdict is not Verdict.FAIL


def played(scenario: Scenario) -> CaseFinished:
    """What the sound client makes of a drawn scenario."""
    drawn = replace(scenario, limits=LIMITS, drawn_as=SEED)
    case = PlannedCase(scenario=drawn, adapter=ADAPTER, seed=SEED, policy=ADAPTER.policy)
    return engine.finished(runner.run(case), catalog.laws())


def hunt_all() -> dict[str, Catch | None]:
    """Hunt each bug from the first shard on, on all processors."""
    with ProcessPoolExecutor() as pool:
        return dict(zip((bug.name for bug in HUNTED), pool.map(_hunted, range(len(HUNTED))), strict=True))


def _hunted(number: int) -> Catch | None:
    return hunt(HUNTED[number], range(MOST // SIZE))


if __name__ == "__main__":
    record(hunt_all())
