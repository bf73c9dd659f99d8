"""A campaign of fuzzing: shards on any executor, what they found put together, and each failure shrunk and confirmed.

Shards come back in any order and are put together by their numbers, so a campaign finds the same on one process and on
many, and one that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from harness import recorded
from harness.fuzz import LIMITS, SEED, Explored, Failure, Shard, explore, shrink
from harness.model import Scenario

_LONGEST_LIVE_SECONDS = 60.0
"""No case is confirmed that takes longer on sockets."""


@dataclass(slots=True)
class Tally:
    """What all shards found so far."""

    cases: int = 0
    failures: dict[str, Failure] = field(default_factory=dict)
    """Of each code the one of the first shard that has one."""
    times: Counter[str] = field(default_factory=Counter)
    coverage: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Cases in which a fault struck in a state of the reply."""

    def add(self, explored: Explored) -> None:
        """Put in what one shard found."""
        self.cases += explored.cases
        self.times += explored.times
        self.coverage += explored.coverage
        for code, failure in explored.failures.items():
            known = self.failures.get(code)
            if known is None or failure.shard.number < known.shard.number:
                self.failures[code] = failure


def explored_by(
    executor: Executor, shards: Iterable[Shard], *, at_once: int, stop: Callable[[], bool]
) -> Iterator[Explored]:
    """Run the shards, so many at once, and give what each found, as they end.

    Args:
        stop: when it says so no further shard begins, and those that run are not waited for.
    """
    left = iter(shards)
    running: set[Future[Explored]] = {executor.submit(explore, one) for one in islice(left, at_once)}
    while running and not stop():
        done, running = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
        for one in done:
            yield one.result()
        if done and not stop():
            running |= {executor.submit(explore, shard) for shard in islice(left, len(done))}
    for one in running:
        one.cancel()


def shrunk_by(executor: Executor, failures: Iterable[Failure]) -> Iterator[Failure]:
    """Each failure in its simplest case, in order of code; those that shrink to one and the same are told once."""
    ordered = sorted(failures, key=lambda one: one.code)
    seen: set[str] = set()
    for failure in executor.map(shrink, ordered):
        mark = f"{failure.code.partition('/')[0]} {recorded.fingerprint(failure.scenario)}"
        if mark not in seen:
            seen.add(mark)
            yield failure


def to_record(failure: Failure, lasted: float) -> Scenario:
    """The scenario that the failure becomes in the catalogue.

    Args:
        lasted: seconds until the call ended in the simulation.
    """
    settle = min(max(9.0, lasted + 3.0), _LONGEST_LIVE_SECONDS)
    return replace(
        failure.scenario,
        name=failure.slug,
        family=recorded.FAMILY,
        title=f"Found by fuzzing: {failure.scenario.title.removeprefix('Drawn at random: ')}",
        limits=msgspec.structs.replace(LIMITS, settle=round(settle, 1)),
        drawn_as=SEED,
    )


# ---- what is kept between runs ---------------------------------------------------------------------------------------


class Journal:
    """The shards that are done, one JSON line each, so that an interrupted campaign goes on.

    A last line that was cut by a kill is left out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def clear(self) -> None:
        """Forget all of it."""
        self._path.unlink(missing_ok=True)

    def read(self) -> dict[Shard, Explored]:
        """What is done."""
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return {}
        done = (_explored(tree) for line in lines if (tree := _json(line)) is not None)
        return {one.shard: one for one in done}

    def add(self, explored: Explored) -> None:
        """Write down what a shard found."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_tree(explored), ensure_ascii=False) + "\n")


def _json(line: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return found


def _tree(explored: Explored) -> dict[str, Any]:
    failures = [
        {"code": one.code, "harm": one.harm, "scenario": recorded.dump(one.scenario)}
        for one in explored.failures.values()
    ]
    return {
        "shard": asdict(explored.shard),
        "cases": explored.cases,
        "failures": failures,
        "times": dict(explored.times),
        "coverage": [[*pair, count] for pair, count in explored.coverage.items()],
    }


def _explored(tree: dict[str, Any]) -> Explored:
    shard = Shard(**tree["shard"])
    failures = {
        one["code"]: Failure(
            code=one["code"], harm=one["harm"], scenario=recorded.load(one["scenario"], "journal"), shard=shard
        )
        for one in tree["failures"]
    }
    coverage = Counter({(fault, state): count for fault, state, count in tree["coverage"]})
    return Explored(shard, tree["cases"], failures, Counter(tree["times"]), coverage)
