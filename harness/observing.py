"""Lets a client make its call and writes down what its user sees; on any event loop, in real or in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager

import msgspec

from harness.adapter import observed
from harness.errors import AdapterError
from harness.model import AdapterFailed, Cancelled, ClientRecord, Finished, Job, Shown, TimedOut
from harness.plan import PlannedCase

STOP_SECONDS = 5.0
"""What an adapter has to close its client when it is stopped."""


_MOST = 3
"""Times the time that it is given, a call on a machine that is late may take."""


async def observe_to_the_end(
    case: PlannedCase,
    job: Job,
    now: Callable[[], float],
    seen: list[ClientRecord],
    lost: Callable[[], float] = lambda: 0.0,
) -> None:
    """Run the client of ``case`` until its call ends, its time is up or the scenario cancels it.

    Args:
        now: seconds since the case began.
        seen: what its user saw is added here, as it happens.
        lost: seconds since the case began in which this machine was not there for it; they are not the client's.
    """
    try:
        async with within(job.limits.settle + STOP_SECONDS, lost):
            await _observe(case, job, now, seen, lost)
    except TimeoutError:
        seen.append(not_stopped())


@asynccontextmanager
async def within(seconds: float, lost: Callable[[], float]) -> AsyncGenerator[None, None]:
    """As ``asyncio.timeout``, but for time that was lost."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    looking: asyncio.TimerHandle
    async with asyncio.timeout(None) as limit:

        def look() -> None:
            nonlocal looking
            ends = began + min(seconds + lost(), seconds * _MOST)
            if loop.time() < ends:
                looking = loop.call_at(ends, look)
            else:
                limit.reschedule(loop.time())

        looking = loop.call_at(began + seconds, look)
        try:
            yield
        finally:
            looking.cancel()


def not_stopped() -> AdapterFailed:
    """The record of an adapter that goes on when it is stopped."""
    return AdapterFailed(why=f"it did not stop within {STOP_SECONDS:g} s of being told to")


async def observe_until(
    stopped: asyncio.Event,
    case: PlannedCase,
    job: Job,
    now: Callable[[], float],
    seen: list[ClientRecord],
    lost: Callable[[], float] = lambda: 0.0,
) -> None:
    """As :func:`observe_to_the_end`, for a call that its user may stop: that is written down as a cancel.

    Args:
        stopped: set when the user stops it.
    """
    talking = asyncio.create_task(observe_to_the_end(case, job, now, seen, lost))
    stopping = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait({talking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not talking.done():
            seen.append(Cancelled(t=round(now(), 6)))
    finally:
        for task in (talking, stopping):
            task.cancel()
        await asyncio.wait({talking, stopping})
    if not talking.cancelled():
        talking.result()


async def _observe(
    case: PlannedCase, job: Job, now: Callable[[], float], seen: list[ClientRecord], lost: Callable[[], float]
) -> None:
    def note(record: ClientRecord) -> None:
        seen.append(msgspec.structs.replace(record, t=round(now(), 6)))

    try:
        async with within(job.limits.settle, lost), aclosing(observed(case.adapter, job)) as observations:
            shown = 0
            async for observation in observations:
                note(observation)
                shown += len(observation.text) if isinstance(observation, Shown) else 0
                if case.scenario.cancel_after is not None and shown >= case.scenario.cancel_after:
                    note(Cancelled())
                    break
    except TimeoutError:
        if not any(isinstance(record, Finished) for record in seen):
            note(TimedOut())
    except AdapterError as error:
        note(AdapterFailed(why=str(error)))
