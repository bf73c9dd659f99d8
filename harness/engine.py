"""The only loop: runs a plan and yields events. Reporters, the history and the display are its consumers."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import count

import msgspec

from fake_server.clock import Clock, SystemClock
from harness import catalog
from harness.adapter import Absent, at_once
from harness.errors import InternalError
from harness.events import CaseFinished, CaseStarted, Event, RunFinished, RunStarted
from harness.history import Case, Record
from harness.law import Law, judge
from harness.live import LiveRunner
from harness.model import Level, Scenario
from harness.plan import Plan, PlannedCase, Tier
from harness.secrets import Secrets
from harness.tries import Tally, goes_again, settled, tried
from harness.verdict import Verdict, merge


async def run(
    plan: Plan, laws: Iterable[Law], *, stop: asyncio.Event | None = None, clock: Clock | None = None
) -> AsyncGenerator[Event, None]:
    """Run ``plan`` and yield what happens, numbered; the last event is always :class:`RunFinished`.

    Args:
        stop: set it to end the run early: cases in flight are dropped, and the run says that it was interrupted.

    Raises:
        InternalError: after the last event, when a case broke the engine itself; the cause is kept.
    """
    clock, laws, numbers = clock or SystemClock(), tuple(laws), count()
    began = clock.now()
    tally = Tally(case.adapter.name for case in plan.cases)
    stop = stop or asyncio.Event()
    yield _numbered(_started(plan, clock.wall()), next(numbers))
    queue: asyncio.Queue[Event | None] = asyncio.Queue()
    work = asyncio.create_task(_work(plan, laws, queue, clock))
    stopper = asyncio.create_task(_stop(stop, queue))
    try:
        while (event := await queue.get()) is not None:
            tally.take(event)
            yield _numbered(event, next(numbers))
    finally:
        stopper.cancel()
        work.cancel()
        await asyncio.wait({work, stopper})
    interrupted = tally.finished < len(plan.cases)
    for case in tally.settle():
        yield _numbered(case, next(numbers))
    end = RunFinished(counts=tally.counts, interrupted=interrupted, seconds=round(clock.now() - began, 3))
    yield _numbered(end, next(numbers))
    if not work.cancelled() and (error := work.exception()) is not None:
        raise InternalError("a case broke the engine; what was finished before is in the history") from error


_ADMISSION_SECONDS = 0.003
_LATE = 0.15
"""Seconds of the last one that the event loop came late: no case is begun until it has caught up,"""
_LOOK_SECONDS, _MOST_LOOKS = 0.02, 50
"""but each waits for no more than so many looks: a machine may be busy with other things."""


async def _work(plan: Plan, laws: tuple[Law, ...], queue: asyncio.Queue[Event | None], clock: Clock) -> None:
    try:
        if plan.tier is Tier.SIM:
            await _simulate(plan, laws, queue, clock)
        else:
            await _run_live(plan, laws, queue, clock)
    finally:
        queue.put_nowait(None)


async def _simulate(plan: Plan, laws: tuple[Law, ...], queue: asyncio.Queue[Event | None], clock: Clock) -> None:
    """One after the other, in a thread: a client in memory has an event loop of its own."""
    from harness.sim import runner

    for case in plan.cases:
        if why := _not_possible(case, plan) or runner.not_possible(case):
            await queue.put(_skipped(case, why))
            continue
        await queue.put(CaseStarted(case=case.id))
        began = clock.now()
        await queue.put(await asyncio.to_thread(_simulated, case, laws, began, clock))


def _simulated(case: PlannedCase, laws: tuple[Law, ...], began: float, clock: Clock) -> CaseFinished:
    from harness.sim import runner

    return finished(runner.run(case), laws, seconds=clock.now() - began)


async def _run_live(plan: Plan, laws: tuple[Law, ...], queue: asyncio.Queue[Event | None], clock: Clock) -> None:
    possible: list[PlannedCase] = []
    for case in plan.cases:
        if why := _not_possible(case, plan):
            await queue.put(_skipped(case, why))
        else:
            possible.append(case)
    async with LiveRunner(clock, plan.toxiproxy) as runner:
        await _Rounds(plan, laws, queue, clock, runner).run(possible)


class _Rounds:
    """Tries cases on sockets: all of them, many at once, and then what failed or is unknown again, few at a time."""

    _FEW = 8
    """Cases in flight beside each other when they are tried again: what failed in a crowd shall be seen without it."""

    def __init__(
        self,
        plan: Plan,
        laws: tuple[Law, ...],
        queue: asyncio.Queue[Event | None],
        clock: Clock,
        runner: LiveRunner,
    ) -> None:
        self._plan, self._laws, self._queue, self._clock, self._runner = plan, laws, queue, clock, runner
        self._door = asyncio.Lock()
        adapters = {case.adapter.name: case.adapter for case in plan.cases}
        self._own = {name: asyncio.Semaphore(at_once(adapter, plan.jobs)) for name, adapter in adapters.items()}
        self._tally = Tally()

    async def run(self, cases: Sequence[PlannedCase]) -> None:
        for nth in count(1):
            slots = asyncio.Semaphore(self._plan.jobs if nth == 1 else min(self._plan.jobs, self._FEW))
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._try(replace(case, nth=nth), slots)) for case in cases]
            cases = [case for case, task in zip(cases, tasks, strict=True) if task.result()]
            if not cases:
                return

    async def _try(self, case: PlannedCase, slots: asyncio.Semaphore) -> bool:
        """Run it, and judge it; returns whether it is to be tried again."""
        async with self._own[case.adapter.name], slots:
            await self._admitted()
            self._tell(CaseStarted(case=case.id, nth=case.nth))
            began = self._clock.now()
            record = await self._runner.run(case)
            judged = finished(record, self._laws, seconds=self._clock.now() - began)
        return self._goes_again(judged, case.nth)

    async def _admitted(self) -> None:
        """Wait for the turn of a case: a burst of starting clients would make the loop late for all."""
        async with self._door:
            await self._clock.sleep(_ADMISSION_SECONDS)
            for _ in range(_MOST_LOOKS):
                if self._runner.late <= _LATE:
                    break
                await self._clock.sleep(_LOOK_SECONDS)

    def _goes_again(self, judged: CaseFinished, nth: int) -> bool:
        again = goes_again(judged, nth, self._plan.tries)
        if nth == 1 and not again:
            self._tell(judged)
            return False
        self._tell(tried(judged, nth))
        if not again:
            self._tell(settled(self._tally.tries(judged.case)))
        return again

    def _tell(self, event: Event) -> None:
        self._tally.take(event)
        self._queue.put_nowait(event)


async def _stop(stop: asyncio.Event, queue: asyncio.Queue[Event | None]) -> None:
    await stop.wait()
    queue.put_nowait(None)


def finished(record: Record, laws: Iterable[Law], *, seconds: float = 0.0) -> CaseFinished:
    """Judge a record; also an old one, read from a file."""
    return finished_case(record, Case(record), laws, seconds=seconds)


def finished_case(record: Record, case: Case, laws: Iterable[Law], *, seconds: float = 0.0) -> CaseFinished:
    """As :func:`finished`, for who has questions of ``case`` as well: what was read for a law is not read again."""
    rulings = judge(case, laws)
    verdict = merge(one.verdict for one in rulings)
    informs = verdict is Verdict.FAIL and record.info.level is Level.INFO
    return CaseFinished(
        case=record.info.id,
        scenario=record.info.scenario,
        client=record.info.client,
        verdict=Verdict.SKIP if informs else verdict,
        rulings=rulings,
        why="the scenario only informs: a failure here is noted, and not counted" if informs else "",
        record=record,
        seconds=round(seconds, 3),
    )


def _not_possible(case: PlannedCase, plan: Plan) -> str:
    """Why this case cannot be run; empty when it can."""
    if isinstance(case.adapter, Absent):
        return case.adapter.why
    if case.unspoken:
        return case.unspoken
    if case.lacking:
        return f"the client does not declare: {', '.join(sorted(case.lacking))}"
    if plan.toxiproxy and (extensions := _extensions(case.scenario)):
        return f"it needs toxics of our own: {', '.join(extensions)}; run it without --toxiproxy"
    return ""


def _extensions(scenario: Scenario) -> list[str]:
    """The faults of its network, and of those of the calls before, that only our own Toxiproxy can do."""
    calls = [*(catalog.scenarios()[name] for name in scenario.before), scenario]
    return [name for one in calls if one.network is not None for name in one.network.extensions]


def _skipped(case: PlannedCase, why: str) -> CaseFinished:
    return CaseFinished(
        case=case.id, scenario=case.scenario.id, client=case.adapter.name, verdict=Verdict.SKIP, why=why
    )


def _started(plan: Plan, wall: float) -> RunStarted:
    adapters = {case.adapter.name: case.adapter for case in plan.cases}
    versions = {name: adapter.version for name, adapter in adapters.items()}
    return RunStarted(
        seed=plan.seed,
        clients=tuple(adapters),
        versions={**versions, "streamproof": version("streamproof"), "python": platform.python_version()},
        scenarios=tuple(dict.fromkeys(case.scenario.id for case in plan.cases)),
        cases=len(plan.cases),
        policy=plan.policy,
        tier=plan.tier,
        tries=plan.tries,
        date=datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        gate=plan.gate,
        asked_for={name: Secrets().text(said) for name, said in plan.asked_for.items()},
    )


def _numbered(event: Event, number: int) -> Event:
    return msgspec.structs.replace(event, number=number)
