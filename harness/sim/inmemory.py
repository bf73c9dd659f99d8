"""Runs the client of a case as it is, all of it, in virtual time and without sockets: whatever is built on httpx.

Its HTTP library is given connections in memory (:mod:`harness.sim.memory`) and its waits cost nothing
(:mod:`harness.sim.loop`). Time that a client takes from elsewhere than its event loop is real time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from harness.adapter import runs_in_memory
from harness.history import Record
from harness.job import job_of
from harness.model import ClientRecord
from harness.observing import STOP_SECONDS, not_stopped, observe_to_the_end
from harness.plan import PlannedCase
from harness.sim.far_end import HOST, FarEnd
from harness.sim.line import EndOfLine
from harness.sim.loop import LoopAgenda, NothingToCome, VirtualLoop
from harness.sim.memory import Memory

_LOOK_SECONDS = 0.01
"""How often is looked whether the client has closed its connections."""


def not_possible(case: PlannedCase) -> str:
    """Why this case cannot be run in memory; empty when it can."""
    if not runs_in_memory(case.adapter):
        return f"{case.adapter.name} is no state machine, and its adapter does not say that it runs in memory"
    return only_live(case)


def only_live(case: PlannedCase) -> str:
    """Why a case is none for a simulation, whatever its client; empty when it is one."""
    if case.unspoken:
        return case.unspoken
    if case.scenario.before:
        return "several calls of one client are about its connections: run it live"
    if case.scenario.receiver is not None:
        return "sinks have HTTP clients of their own, which need sockets: run it live"
    return ""


def run(case: PlannedCase) -> Record:
    """Run ``case`` to its end, or to its time limit, and return the history of all sides.

    Raises:
        TypeError: it cannot be run in memory; ask :func:`not_possible` first.
    """
    if why := not_possible(case):
        raise TypeError(why)
    with _dice(f"{case.text_seed}/client"):
        return _InMemory(case).run()


@contextmanager
def _dice(seed: str) -> Iterator[None]:
    """Clients throw the dice that everybody has: for their backoff, for example."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


class _InMemory:
    """One case on an event loop of its own."""

    def __init__(self, case: PlannedCase) -> None:
        self._case = case
        self._loop = VirtualLoop()
        self._limits = case.scenario.limits
        self._loop.until = self._limits.settle + STOP_SECONDS + 2 * self._limits.close
        # Clients take the date from this machine, so the server must, too.
        self._far = FarEnd(case, LoopAgenda(self._loop), wall=time.time)
        self._seen: list[ClientRecord] = []
        self._task: asyncio.Task[Any] | None = None

    def run(self) -> Record:
        record: Record | None = None
        with suppress(NothingToCome), asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._call())
            except NothingToCome:
                self._seen.append(not_stopped())
            record = self._record()
        assert record is not None
        return record

    async def _call(self) -> None:
        self._task = asyncio.current_task()  # nobody else knows of one that waits for nothing: it would be collected
        job = job_of(self._case, self._far.url, memory=Memory(self._dial))
        await observe_to_the_end(self._case, job, self._loop.time, self._seen)
        deadline = self._loop.time() + self._limits.close
        while not self._far.is_quiet and self._loop.time() < deadline:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(_LOOK_SECONDS)

    async def _dial(self, host: str, port: int) -> EndOfLine | None:
        """There is one server in the world."""
        if self._far.is_silent:
            await self._loop.create_future()
        dialed = self._far.dial() if host == HOST else None
        return None if dialed is None else dialed[0]

    def _record(self) -> Record:
        network = self._far.end()
        return Record(info=self._case.info(), server=tuple(self._far.seen), client=tuple(self._seen), network=network)
