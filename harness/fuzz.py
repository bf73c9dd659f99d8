"""Looks for cases that break a client: draws scenarios, runs them in virtual time, and shrinks what fails.

A campaign is a list of shards. A shard draws its cases from a seed of its own and knows nothing of the others, so it
finds the same on any machine, alone or beside others. It tells of each distinct failure the first case that showed it;
those cases are drawn again and shrunk when all shards are done, each failure once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, settings, target
from hypothesis import seed as seeded
from hypothesis.strategies import SearchStrategy

from harness import catalog, recorded
from harness.adapter import Adapter
from harness.engine import finished
from harness.events import CaseFinished
from harness.history import Case
from harness.law import Law
from harness.model import Finished, Limits, Scenario
from harness.plan import PlannedCase
from harness.repeatable import draw_by_the_seed_alone
from harness.sim import runner
from harness.states import struck_in
from harness.verdict import Verdict

LIMITS = Limits(settle=600.0)
"""In virtual time ten minutes cost nothing, and a healthy stream may be slow."""
SEED = "fuzz"
"""Of texts and faults; what differs between cases is drawn."""

Heard = Callable[[CaseFinished], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of a campaign."""

    client: str
    """As the command line names it."""
    seed: str
    number: int
    examples: int = 250
    max_faulty: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A case that breaks a law."""

    code: str
    """What it is a case of: the law, and how the call ended."""
    harm: str
    scenario: Scenario
    shard: Shard
    is_shrunk: bool = False

    @property
    def slug(self) -> str:
        """A name for its file: the same for the same case."""
        told = "".join(char if char.isascii() and char.isalnum() else "_" for char in self.code.lower())
        return f"{told}_{recorded.fingerprint(self.scenario)}"


@dataclass(slots=True)
class Explored:
    """What a shard found."""

    shard: Shard
    cases: int = 0
    failures: dict[str, Failure] = field(default_factory=dict)
    """The first of each code."""
    times: Counter[str] = field(default_factory=Counter)
    """Failing cases of each code."""
    coverage: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Cases in which a fault struck in a state of the reply."""


class Found(Exception):
    """A case failed. Each code has a class of its own: so Hypothesis tells them apart."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.harm)
        self.failure = failure


def explore(shard: Shard, heard: Heard | None = None) -> Explored:
    """Draw and run the cases of ``shard``.

    Args:
        heard: is told of each case.
    """
    explored = Explored(shard)
    ground = _Ground(shard)

    def check(scenario: Scenario) -> None:
        result = ground.run(scenario)
        explored.cases += 1
        explored.coverage.update(_aim(result))
        if (failure := failure_of(result, scenario, shard)) is not None:
            explored.times[failure.code] += 1
            explored.failures.setdefault(failure.code, failure)
        if heard is not None:
            heard(result)

    _draw(shard, ground.scenarios, check, (Phase.generate, Phase.target))
    return explored


def shrink(failure: Failure) -> Failure:
    """The simplest case with the same code: its shard is drawn again up to the first, and that one is shrunk."""
    shard = failure.shard
    ground = _Ground(shard)

    def check(scenario: Scenario) -> None:
        result = ground.run(scenario)
        _aim(result)
        found = failure_of(result, scenario, shard)
        if found is not None and found.code == failure.code:
            raise _class_of(found.code)(found)

    try:
        _draw(shard, ground.scenarios, check, (Phase.generate, Phase.target, Phase.shrink))
    except Found as found:
        return replace(_simplified(found.failure, ground), is_shrunk=True)
    return failure


def _simplified(failure: Failure, ground: _Ground) -> Failure:
    """The failure without whatever it does not need."""
    from harness.strategies.cases import simpler

    for scenario in simpler(failure.scenario):
        found = failure_of(ground.run(scenario), scenario, failure.shard)
        if found is not None and found.code == failure.code:
            return _simplified(found, ground)
    return failure


def _aim(result: CaseFinished) -> set[tuple[str, str]]:
    """Let Hypothesis look for cases in which many faults strike; returns which did, and in what states."""
    pairs = set(struck_in(result.record)) if result.record is not None else set()
    target(float(len(pairs)), label="faults that struck, by the state they struck in")
    return pairs


class _Ground:
    """What the cases of a shard have in common."""

    def __init__(self, shard: Shard) -> None:
        from harness.strategies import scenarios

        self._adapter: Adapter = catalog.adapter(shard.client)
        self._laws: tuple[Law, ...] = catalog.laws()
        self.scenarios = scenarios(max_faulty=shard.max_faulty)

    def run(self, scenario: Scenario) -> CaseFinished:
        case = PlannedCase(
            scenario=replace(scenario, limits=LIMITS, drawn_as=SEED),
            adapter=self._adapter,
            seed=SEED,
            policy=self._adapter.policy,
        )
        return finished(runner.run(case), self._laws)


def _draw(
    shard: Shard,
    scenarios: SearchStrategy[Scenario],
    check: Callable[[Scenario], None],
    phases: tuple[Phase, ...],
) -> None:
    quietly = settings(
        max_examples=shard.examples,
        database=None,
        deadline=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
    )
    draw_by_the_seed_alone()
    number = int.from_bytes(hashlib.sha256(f"{shard.seed}/{shard.number}".encode()).digest()[:8])
    seeded(number)(quietly(given(scenarios)(check)))()


def failure_of(result: CaseFinished, scenario: Scenario, shard: Shard) -> Failure | None:
    """What a case is a failure of; None when it is none."""
    if result.verdict is not Verdict.FAIL or result.finding is None or result.record is None:
        return None
    code = "/".join([result.finding.law, *_ending(Case(result.record).finished)])
    return Failure(code=code, harm=result.finding.harm, scenario=scenario, shard=shard)


def _ending(end: Finished | None) -> Iterator[str]:
    yield "no end" if end is None else end.outcome.value
    if end is not None and end.error is not None and not end.error.typed:
        yield end.error.name


@cache
def _class_of(code: str) -> type[Any]:
    return type(f"Found[{code}]", (Found,), {})
