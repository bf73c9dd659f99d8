"""All that a load keeps of its calls: counts and histograms, the same size after a day as after a minute. Pure.

Tallies of several processes can be added.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from harness.load.counted import Counted
from harness.load.histogram import Histogram
from harness.verdict import Verdict

K = TypeVar("K")

_KEPT = 3
"""Failed calls that are told of each law."""


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A call that failed, as an example of its law."""

    law: str
    case: str
    harm: str


class Tally(msgspec.Struct, kw_only=True):
    """What the calls of a load come to."""

    begun: int = 0
    verdicts: dict[Verdict, int] = {}
    lost: int = 0
    """Calls that ended without a verdict, for a fault of ours."""
    cut: int = 0
    """Calls that the user ended with the second Ctrl-C."""
    scenarios: dict[str, dict[Verdict, int]] = {}
    laws: dict[str, int] = {}
    """Failed calls by the law that decided."""
    broken: list[Broken] = []
    faults: list[str] = []
    """What was said of some calls that have no verdict, because they were lost or cut."""
    first: Histogram = msgspec.field(default_factory=Histogram)
    gaps: Histogram = msgspec.field(default_factory=Histogram)
    recovery: Histogram = msgspec.field(default_factory=Histogram)
    took: Histogram = msgspec.field(default_factory=Histogram)
    late: Histogram = msgspec.field(default_factory=Histogram)
    asked: int = 0
    """Calls whose requests are known."""
    requests: int = 0
    retried: int = 0
    """Requests after the first of a call."""
    streamed: int = 0
    wasted: int = 0
    can_be_whole: int = 0
    whole: int = 0

    @property
    def judged(self) -> int:
        """Calls that have a verdict."""
        return sum(self.verdicts.values())

    @property
    def open(self) -> int:
        """Calls that go on."""
        return self.begun - self.judged - self.lost - self.cut

    def take(self, scenario: str, verdict: Verdict, counted: Counted) -> None:
        """A call that is over."""
        _add(self.verdicts, verdict)
        _add(self.scenarios.setdefault(scenario, {}), verdict)
        for histogram, value in (
            (self.first, counted.first),
            (self.recovery, counted.recovery),
            (self.took, counted.took),
            (self.late, counted.late),
        ):
            if value is not None:
                histogram.add(value)
        self.gaps.add_all(counted.gaps)
        if counted.requests is not None:
            self.asked += 1
            self.requests += counted.requests
            self.retried += max(0, counted.requests - 1)
        if counted.streamed is not None and counted.wasted is not None:
            self.streamed += counted.streamed
            self.wasted += counted.wasted
        self.can_be_whole += counted.can_be_whole
        self.whole += counted.can_be_whole and counted.is_whole

    def breaks(self, broken: Broken) -> bool:
        """A call failed; returns whether it is one of the few that are kept, as examples of their laws."""
        _add(self.laws, broken.law)
        return self._keep(broken)

    def loses(self, why: str) -> None:
        """A call ended without a verdict."""
        self.lost += 1
        self._note(why)

    def cuts(self, why: str) -> None:
        """A call was ended by the user; which one it was tells what he waited for."""
        self.cut += 1
        self._note(why)

    def merge(self, other: Tally) -> None:
        """All of another one."""
        self.begun += other.begun
        self.lost += other.lost
        self.cut += other.cut
        self.asked += other.asked
        self.requests += other.requests
        self.retried += other.retried
        self.streamed += other.streamed
        self.wasted += other.wasted
        self.can_be_whole += other.can_be_whole
        self.whole += other.whole
        self.first.merge(other.first)
        self.gaps.merge(other.gaps)
        self.recovery.merge(other.recovery)
        self.took.merge(other.took)
        self.late.merge(other.late)
        _merge(self.verdicts, other.verdicts)
        _merge(self.laws, other.laws)
        for scenario, verdicts in other.scenarios.items():
            _merge(self.scenarios.setdefault(scenario, {}), verdicts)
        for one in other.broken:
            self._keep(one)
        for why in other.faults:
            self._note(why)

    def _keep(self, broken: Broken) -> bool:
        """Whether it is kept: of each law some, and each scenario once."""
        same = sum(one.law == broken.law for one in self.broken)
        if same >= _KEPT or any(one.case == broken.case for one in self.broken):
            return False
        self.broken.append(broken)
        return True

    def _note(self, why: str) -> None:
        if why not in self.faults and len(self.faults) < _KEPT:
            self.faults.append(why)


def _add(counts: dict[K, int], name: K, many: int = 1) -> None:
    counts[name] = counts.get(name, 0) + many


def _merge(counts: dict[K, int], others: dict[K, int]) -> None:
    for name, many in others.items():
        _add(counts, name, many)


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of a load."""

    t: float
    """Seconds since it began."""
    open: int
    """Calls that go on."""
    judged: int
    memory: float | None = None
    """MiB that all its processes have; None where this system does not tell."""
    sockets: int | None = None


_MOST_SAMPLES = 600
_FEW = 10


class Series(msgspec.Struct, kw_only=True):
    """Samples over time, evenly; where there are too many, every second one is dropped."""

    samples: list[Sample] = []
    every: int = 1
    """Of the samples that are given, each of that number is kept."""
    given: int = 0
    most_memory: float | None = None
    most_sockets: int | None = None

    def add(self, sample: Sample) -> None:
        """The next one."""
        if sample.memory is not None:
            self.most_memory = max(sample.memory, self.most_memory or 0.0)
        if sample.sockets is not None:
            self.most_sockets = max(sample.sockets, self.most_sockets or 0)
        if self.given % self.every == 0:
            self.samples.append(sample)
        self.given += 1
        if len(self.samples) > _MOST_SAMPLES:
            self.samples = self.samples[::2]
            self.every *= 2

    @property
    def growth(self) -> float | None:
        """MiB a minute by which memory grew over the last half, by least squares; None of fewer than ten samples."""
        late = [(one.t, one.memory) for one in self.samples[len(self.samples) // 2 :] if one.memory is not None]
        if len(late) < _FEW:
            return None
        t, memory = (sum(values) / len(late) for values in zip(*late, strict=True))
        spread = sum((one - t) ** 2 for one, _ in late)
        return 60 * sum((one - t) * (mib - memory) for one, mib in late) / spread if spread else None


def summed(samples: list[Sample]) -> Sample:
    """The same moment of several processes together."""
    memory = [one.memory for one in samples if one.memory is not None]
    sockets = [one.sockets for one in samples if one.sockets is not None]
    return Sample(
        t=max(one.t for one in samples),
        open=sum(one.open for one in samples),
        judged=sum(one.judged for one in samples),
        memory=sum(memory) if len(memory) == len(samples) else None,
        sockets=sum(sockets) if len(sockets) == len(samples) else None,
    )
