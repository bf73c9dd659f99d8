"""The loop of a load: every stream draws a scenario, plays it, takes its numbers, forgets it, and begins again."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from fake_server.clock import Clock, SystemClock
from harness import engine
from harness.adapter import Adapter, at_once, prepared
from harness.events import CaseFinished
from harness.history import Case
from harness.law import Law
from harness.load import machine
from harness.load.counted import counted
from harness.load.mix import Mix
from harness.load.place import Place
from harness.load.tally import Broken, Sample, Tally
from harness.model import Scenario
from harness.plan import PlannedCase
from harness.verdict import Verdict

_TICK_SECONDS = 1.0
_LATE = 0.25
"""Seconds lost of the last one beyond which no call is begun."""
_LOOK_SECONDS = 0.05
_CLOSE_SECONDS = 1.0
"""What closes by itself has closed by then."""
_APART_SECONDS = 0.002
"""Between the begins of two calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to be done, by one process."""

    adapter: Adapter
    mix: Mix
    at_speed: Callable[[Scenario], Scenario]
    """Gives a scenario of the mix as it is played."""
    seed: str
    streams: int
    seconds: float
    ramp: float
    """Seconds in which all streams begin, evenly."""
    part: tuple[int, int] = (1, 1)
    """Which process of how many: their streams draw different things."""


Fail = Callable[[CaseFinished], object]
"""Is told one of the few failed calls that are kept."""
Tell = Callable[[Tally, Sample, float], object]
"""Is told every second how it stands, and how long no call was begun because this machine was late."""


class Drive:
    """Drives one load to its end.

    Args:
        laws: each call is judged by.
        tell: see :data:`Tell`.
        fail: see :data:`Fail`.
    """

    def __init__(self, load: Load, laws: Iterable[Law], tell: Tell, fail: Fail, clock: Clock | None = None) -> None:
        self._load, self._laws, self._tell, self._fail = load, tuple(laws), tell, fail
        self._clock = clock or SystemClock()
        self._begin = self._clock.now()
        self._door = asyncio.Lock()
        self._over = asyncio.Event()
        self._calls = 0
        self._sockets = 0
        self.tally = Tally()
        self.held = 0.0
        self.leaked: int | None = None
        """Sockets that were open when all was over, and not before; see :meth:`watched`."""

    def stop(self) -> None:
        """Begin no more calls."""
        self._over.set()

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[None, None]:
        """Count the sockets that the block opens and does not close; whatever plays the calls opens in it."""
        await prepared(self._load.adapter)
        before = machine.sockets()
        yield
        self.leaked = await self._left(before) if before is not None else None

    async def _left(self, before: int) -> int | None:
        """How many sockets there are beyond those, when what is under way had time to close."""
        gc.collect()  # a socket in a circle of objects is open until somebody looks
        gives_up = self._clock.now() + _CLOSE_SECONDS
        while (after := machine.sockets()) is not None and after > before and self._clock.now() < gives_up:
            await self._clock.sleep(_LOOK_SECONDS)
        return None if after is None else max(0, after - before)

    async def run(self, place: Place) -> None:
        """Play calls until the time is over or :meth:`stop`, and then those that go on to their end.

        Raises:
            asyncio.CancelledError: what went on is dropped, and counted as cut.
        """
        self._begin = self._clock.now()
        ticking = asyncio.create_task(self._tick())
        ending = asyncio.get_running_loop().call_later(self._load.seconds, self._over.set)
        own = asyncio.Semaphore(at_once(self._load.adapter, self._load.streams))
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._load.streams):
                    group.create_task(self._stream(number, place, own))
        finally:
            ending.cancel()
            ticking.cancel()
            self.sample()

    def sample(self) -> None:
        """Tell how it stands."""
        now = Sample(
            t=round(self._clock.now() - self._begin, 3),
            open=self.tally.open,
            judged=self.tally.judged,
            memory=machine.memory(),
            sockets=machine.sockets(),
        )
        self._tell(self.tally, now, self.held)

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(_TICK_SECONDS)
            self.sample()

    async def _stream(self, number: int, place: Place, own: asyncio.Semaphore) -> None:
        load = self._load
        chance = Random(f"{load.seed}/{load.part}/{number}")
        await self._passed(load.ramp * number / load.streams)
        while not self._over.is_set():
            async with own:
                if await self._admitted(place):
                    await self._call(self._planned(load.mix, chance), place)

    def _planned(self, mix: Mix, chance: Random) -> PlannedCase:
        """The next case; its number keeps its requests apart from all others of its scenario."""
        self._calls += 1
        adapter = self._load.adapter
        return PlannedCase(
            scenario=self._load.at_speed(mix.draw(chance)),
            adapter=adapter,
            seed=self._load.seed,
            policy=adapter.policy,
            nth=self._calls,
        )

    async def _passed(self, seconds: float) -> None:
        """Wait so long, or until it is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return

    async def _admitted(self, place: Place) -> bool:
        """Wait for the turn of a call, while this machine is late; False when it is over."""
        async with self._door:
            await self._passed(_APART_SECONDS)
            while place.late > _LATE and not self._over.is_set():
                began = self._clock.now()
                await self._passed(_LOOK_SECONDS)
                self.held += self._clock.now() - began
        return not self._over.is_set()

    async def _call(self, planned: PlannedCase, place: Place) -> None:
        self.tally.begun += 1
        began = self._clock.now()
        try:
            record = await place.record(planned)
            case = Case(record)
            judged = engine.finished_case(record, case, self._laws, seconds=self._clock.now() - began)
            self.tally.take(planned.scenario.id, judged.verdict, counted(case))
        except asyncio.CancelledError:
            self.tally.cuts(f"{planned.id}: cut after {self._clock.now() - began:.0f} s")
            raise
        except Exception as error:  # noqa: BLE001 (it is counted: a call without a verdict is a fault of ours)
            self.tally.loses(f"{planned.id}: {type(error).__name__}: {error}")
            return
        if judged.verdict is Verdict.FAIL and judged.finding is not None:
            finding = judged.finding
            if self.tally.breaks(Broken(law=finding.law, case=judged.case, harm=finding.harm)):
                self._fail(judged)
