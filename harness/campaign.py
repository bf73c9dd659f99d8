"""A campaign of fuzzing: shards on any executor, what they found put together, and each failure in its simplest case.

Shards come back in any order and are put together by their numbers, so a campaign finds the same on one process, on
many, and in parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from itertools import count, islice

import msgspec
from hypothesis.errors import Flaky

from harness import recorded
from harness.fuzz import LIMITS, SEED, Explored, Failure, Shard, explore, shrink
from harness.interrupts import LOOK_SECONDS
from harness.model import Scenario
from harness.workers import Workers

SHARD_CASES = 250
"""So that the display moves every few seconds, and an interrupt loses little; larger ones reach no more states."""
LONGEST_LIVE_SECONDS = 60.0
"""No case is played on sockets that would take longer there."""
_SHORTEST_SETTLE, _MARGIN = 9.0, 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What is to be explored."""

    client: str
    """As the command line names it."""
    seed: str
    examples: int | None = None
    """All of its cases; None when something else ends it."""
    part: tuple[int, int] = (1, 1)
    """The first of two numbers is this part, the second is how many there are."""
    size: int = SHARD_CASES

    def shards(self) -> Iterator[Shard]:
        """The shards of this part; without an end when the campaign has none."""
        number, parts = self.part
        for one in count(number - 1, parts):
            if self._left(one) <= 0:
                return
            yield self._shard(one)

    def has(self, shard: Shard) -> bool:
        """Whether it is one of :meth:`shards`."""
        number, parts = self.part
        return (
            shard.number % parts == number - 1 and self._left(shard.number) > 0 and shard == self._shard(shard.number)
        )

    def _shard(self, number: int) -> Shard:
        return Shard(client=self.client, seed=self.seed, number=number, examples=min(self.size, self._left(number)))

    def _left(self, number: int) -> int:
        """Cases that are left for this shard and those behind it."""
        return self.size if self.examples is None else self.examples - number * self.size


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


def explored_by(workers: Workers, shards: Iterable[Shard], *, stop: Callable[[], bool]) -> Iterator[Explored]:
    """Run the shards, as many at once as there are workers for, and give what each found, as they end.

    Args:
        stop: when it says so no further shard begins, and those that run are not waited for.
    """
    left, running = iter(shards), set[Future[Explored]]()
    while not stop():
        free = workers.at_once() - len(running)
        running |= {workers.executor.submit(explore, shard) for shard in islice(left, max(0, free))}
        if not running:
            return
        done, running = wait(running, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
        for one in done:
            yield one.result()
    for one in running:
        one.cancel()


def shrunk_by(workers: Workers, failures: Iterable[Failure], *, stop: Callable[[], bool]) -> Iterator[Failure]:
    """Each failure in its simplest case, in order of code; those that shrink to one and the same are told once.

    Args:
        stop: when it says so, those that are not shrunk yet are left out.
    """
    ordered = sorted(failures, key=lambda one: one.code)
    return distinct(_results([workers.executor.submit(_simplest, one) for one in ordered], stop))


def _results(running: Iterable[Future[Failure]], stop: Callable[[], bool]) -> Iterator[Failure]:
    for one in running:
        while not wait([one], timeout=LOOK_SECONDS).done:
            if stop():
                return
        yield one.result()


def distinct(failures: Iterable[Failure]) -> Iterator[Failure]:
    """Those of one law and one case are told once."""
    seen: set[tuple[str, str]] = set()
    for failure in failures:
        mark = (failure.code.partition("/")[0], recorded.fingerprint(failure.scenario))
        if mark not in seen:
            seen.add(mark)
            yield failure


def _simplest(failure: Failure) -> Failure:
    """The failure as it was found when its client does not do the same twice, and nothing can be shrunk."""
    try:
        return shrink(failure)
    except Flaky:
        return failure


def to_record(failure: Failure, lasted: float) -> Scenario:
    """The scenario that the failure becomes in the catalogue.

    Args:
        lasted: seconds until the call ended in the simulation.
    """
    settle = min(max(_SHORTEST_SETTLE, lasted + _MARGIN), LONGEST_LIVE_SECONDS)
    return replace(
        failure.scenario,
        name=failure.slug,
        family=recorded.FAMILY,
        title=f"Found by fuzzing: {failure.scenario.title.removeprefix('Drawn at random: ')}",
        limits=msgspec.structs.replace(LIMITS, settle=round(settle, 1)),
        drawn_as=SEED,
    )
