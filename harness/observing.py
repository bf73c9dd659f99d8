"""Lets a client make its call and writes down what its user sees; on any event loop, in real or in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import msgspec

from harness.adapter import observed
from harness.errors import AdapterError
from harness.model import AdapterFailed, Cancelled, ClientRecord, Finished, Job, Shown, TimedOut
from harness.plan import PlannedCase

STOP_SECONDS = 5.0
"""What an adapter has to close its client when it is stopped."""


async def observe_to_the_end(case: PlannedCase, job: Job, now: Callable[[], float], seen: list[ClientRecord]) -> None:
    """Run the client of ``case`` until its call ends, its time is up or the scenario cancels it.

    Args:
        now: seconds since the case began.
        seen: what its user saw is added here, as it happens.
    """
    try:
        async with asyncio.timeout(job.limits.settle + STOP_SECONDS):
            await _observe(case, job, now, seen)
    except TimeoutError:
        seen.append(not_stopped())


def not_stopped() -> AdapterFailed:
    """The record of an adapter that goes on when it is stopped."""
    return AdapterFailed(why=f"it did not stop within {STOP_SECONDS:g} s of being told to")


async def _observe(case: PlannedCase, job: Job, now: Callable[[], float], seen: list[ClientRecord]) -> None:
    def note(record: ClientRecord) -> None:
        seen.append(msgspec.structs.replace(record, t=round(now(), 6)))

    try:
        async with asyncio.timeout(job.limits.settle), aclosing(observed(case.adapter, job)) as observations:
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
