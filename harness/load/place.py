"""Where the calls of a load go: to our own server, with its network, or through our proxy to somebody else's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from harness.adapter import prepared
from harness.chat.calls import Real
from harness.history import Record
from harness.live import LiveRunner
from harness.model import Scenario
from harness.observing import observe_to_the_end
from harness.plan import PlannedCase


class Place(Protocol):
    """Plays cases, many at once."""

    @property
    def late(self) -> float:
        """Seconds of the last one that the event loop came late."""
        ...

    async def record(self, case: PlannedCase) -> Record:
        """Play ``case`` to its end and return what happened."""
        ...


@asynccontextmanager
async def ours(earlier: Callable[[str], Scenario]) -> AsyncGenerator[Place, None]:
    """A server of ours: every scenario can be played, and every verdict be had.

    Args:
        earlier: gives the scenarios of the calls before the last one, by id, as patient as the load.
    """
    async with LiveRunner(earlier=earlier) as runner:
        yield _Ours(runner)


class _Ours:
    def __init__(self, runner: LiveRunner) -> None:
        self._runner = runner

    @property
    def late(self) -> float:
        return self._runner.late

    async def record(self, case: PlannedCase) -> Record:
        return await self._runner.run(case)


QUESTION = "What happens in the village? Tell it in some twenty sentences."


@asynccontextmanager
async def theirs(url: str, key: str, model: str) -> AsyncGenerator[Place, None]:
    """The server at ``url``; faults strike its answers on their way through a proxy of ours.

    Nobody knows the text beforehand, so a call is judged for lies alone: whether what the client showed is what came,
    and whether it said the truth of how it ended.

    Raises:
        UsageError: the URL is none of a server.
    """
    async with Real(url, key, model) as real:
        yield _Theirs(real)


class _Theirs:
    def __init__(self, real: Real) -> None:
        self._real = real

    @property
    def late(self) -> float:
        return self._real.late

    async def record(self, case: PlannedCase) -> Record:
        await prepared(case.adapter)
        planned = self._real.planned(case, QUESTION)
        async with self._real.call(planned, "", _ignored) as call:
            assert call.job is not None
            await observe_to_the_end(planned, call.job, call.now, call.seen, call.lost)
        return call.record


def _ignored(_: object) -> None:
    """All of it is in the record."""
