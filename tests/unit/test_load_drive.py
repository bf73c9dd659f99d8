"""The loop of a load, with calls that are played without sockets: each has a verdict, or is counted as lost or cut."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from harness import catalog
from harness.events import CaseFinished
from harness.history import Record
from harness.load.crew import Together
from harness.load.drive import Drive, Load
from harness.load.messages import Failure, Over, Progress, Stopping
from harness.load.mix import Mix, Speed
from harness.load.result import Result
from harness.load.tally import Sample, Tally
from harness.plan import PlannedCase
from harness.sim import runner
from harness.verdict import Verdict

pytestmark = pytest.mark.anyio
BUNDLED, NAIVE = catalog.adapter("bundled"), catalog.adapter("naive")
STREAMS, CALLS = 4, 12
SCENARIOS = ("completion.plain", "cutoff.clean_end_mid_text")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Played:
    """A place where calls wait for nothing; ``late`` is how late it says that its machine is."""

    def __init__(self, drive: Drive, late: float = 0.0) -> None:
        self._drive, self.late = drive, late
        self.cases: list[PlannedCase] = []

    def begin(self, case: PlannedCase) -> int:
        """The how-manieth call this is; the twelfth ends the load."""
        self.cases.append(case)
        if len(self.cases) == CALLS:
            self._drive.stop()
        return len(self.cases)

    async def record(self, case: PlannedCase) -> Record:
        self.begin(case)
        return await asyncio.to_thread(runner.run, case)  # a client in memory has an event loop of its own


class Broken(Played):
    """One that breaks in every second call."""

    async def record(self, case: PlannedCase) -> Record:
        if self.begin(case) % 2 == 0:
            raise ValueError("the place is broken")
        return await asyncio.to_thread(runner.run, case)


class Silent(Played):
    """One in which a call never ends."""

    def __init__(self, drive: Drive) -> None:
        super().__init__(drive)
        self.all_there = asyncio.Event()

    async def record(self, case: PlannedCase) -> Record:
        if self.begin(case) == STREAMS:
            self.all_there.set()
        await asyncio.Event().wait()
        raise AssertionError


def load(**more: object) -> Load:
    scenarios = catalog.scenarios()
    mix = Mix(scenarios=tuple(scenarios[one] for one in SCENARIOS), weights=(1.0, 1.0))
    usual = Load(adapter=BUNDLED, mix=mix, at_speed=lambda one: one, seed="7", streams=STREAMS, seconds=60.0, ramp=0.05)
    return replace(usual, **more)  # type: ignore[arg-type]


class Told:
    """A drive, and what it tells."""

    def __init__(self, load: Load) -> None:
        self.samples: list[Sample] = []
        self.failed: list[CaseFinished] = []
        self.drive = Drive(load, catalog.laws(), self._take, self.failed.append)

    def _take(self, tally: Tally, sample: Sample, held: float) -> None:
        self.samples.append(sample)

    @property
    def tally(self) -> Tally:
        return self.drive.tally


async def test_every_call_that_is_begun_has_a_verdict_when_the_load_is_over() -> None:
    told = Told(load())
    place = Played(told.drive)
    await told.drive.run(place)
    tally = told.tally
    assert tally.begun == tally.judged == tally.verdicts[Verdict.PASS] == len(place.cases) >= CALLS
    assert (tally.lost, tally.cut, tally.open) == (0, 0, 0)
    assert {one.scenario.id for one in place.cases} == tally.scenarios.keys()
    assert len({one.nth for one in place.cases}) == len(place.cases)
    assert told.samples[-1].judged == tally.judged


async def test_the_same_seed_draws_the_same_for_each_stream_and_each_process_something_else() -> None:
    drawn = []
    for part in ((1, 2), (1, 2), (2, 2)):
        told = Told(load(streams=1, part=part))
        place = Played(told.drive)
        await told.drive.run(place)
        drawn.append([one.scenario.id for one in place.cases])
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


async def test_a_call_that_breaks_the_place_is_lost_and_the_load_goes_on() -> None:
    told = Told(load())
    place = Broken(told.drive)
    await told.drive.run(place)
    assert told.tally.lost == len(place.cases) // 2 >= CALLS // 2
    assert told.tally.judged + told.tally.lost == told.tally.begun
    assert all("ValueError: the place is broken" in why for why in told.tally.faults)


async def test_failed_calls_are_told_once_for_each_case_with_their_histories() -> None:
    told = Told(load(adapter=NAIVE))
    await told.drive.run(Played(told.drive))
    assert told.tally.verdicts[Verdict.FAIL] >= 1
    assert [one.case for one in told.failed] == ["cutoff.clean_end_mid_text@naive:7"]
    assert told.failed[0].record is not None
    assert sum(told.tally.laws.values()) == told.tally.verdicts[Verdict.FAIL]


async def test_no_call_is_begun_while_this_machine_is_late_and_the_time_is_told() -> None:
    told = Told(load(seconds=0.3))
    place = Played(told.drive, late=1.0)
    await told.drive.run(place)
    assert place.cases == []
    assert told.drive.held > 0.1


async def test_who_stops_a_load_gets_what_goes_on_to_its_end() -> None:
    told = Told(load(ramp=30.0))
    told.drive.stop()
    await told.drive.run(Played(told.drive))
    assert told.tally.begun == 0


async def test_calls_that_are_dropped_are_counted_as_cut() -> None:
    told = Told(load())
    place = Silent(told.drive)
    running = asyncio.create_task(told.drive.run(place))
    await place.all_there.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (told.tally.cut, told.tally.open, told.samples[-1].open) == (STREAMS, 0, 0)
    assert told.tally.faults
    assert all(why.partition("@")[0] in SCENARIOS and why.endswith(": cut after 0 s") for why in told.tally.faults)


# ---- several processes


def nothing(*_: object) -> None:
    """Nobody wants to know."""


def test_that_the_user_wants_the_end_is_told_once_whoever_heard_it() -> None:
    asked: list[str] = []
    together = Together(result(), 2, nothing, nothing, lambda: asked.append("asked"))
    together.take(0, Stopping())
    together.take(1, Stopping())
    assert asked == ["asked"]


def progress(t: float, begun: int) -> Progress:
    sample = Sample(t=t, open=begun, judged=0, memory=10.0, sockets=2)
    return Progress(tally=Tally(begun=begun), sample=sample, held=t / 2)


def result() -> Result:
    return Result(
        client="c", asked_for="c", version="1", seed="1", server="", streams=2, processes=2, speed=Speed(), scenarios=1
    )


def test_what_several_processes_tell_is_put_together_when_all_have_told() -> None:
    seen: list[int] = []
    together = Together(result(), 2, lambda now: seen.append(now.tally.begun), nothing, nothing)
    together.take(0, progress(1.0, 3))
    together.take(0, progress(2.0, 4))
    assert seen == []
    together.take(1, progress(2.0, 5))
    together.take(1, progress(3.0, 6))
    together.take(0, progress(3.0, 7))
    assert seen == [9, 13]
    assert [one.memory for one in together.result.series.samples] == [20.0, 20.0]
    assert together.result.seconds == 3.0
    assert together.result.held == 1.5


def test_a_process_that_is_over_is_not_waited_for() -> None:
    lines: list[str] = []
    seen: list[int] = []
    together = Together(result(), 2, lambda now: seen.append(now.tally.begun), lines.append, nothing)
    together.take(0, progress(1.0, 3))
    together.take(0, Over(leaked=1))
    together.take(1, progress(1.0, 4))
    together.take(1, progress(2.0, 5))
    together.take(1, Failure(event="line"))
    together.take(1, Over(leaked=2))
    together.put_together()
    assert (seen, lines) == ([7, 8], ["line"])
    assert together.result.leaked == 3


def test_what_one_process_cannot_tell_of_leaks_nobody_knows() -> None:
    together = Together(result(), 2, nothing, nothing, nothing)
    together.take(0, Over(leaked=0))
    together.take(1, Over(leaked=None))
    together.put_together()
    assert together.result.leaked is None
