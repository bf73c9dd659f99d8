"""How long a client is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from harness import catalog
from harness.job import job_of
from harness.model import AdapterFailed, ClientRecord, Job, Observed, Policy, TimedOut
from harness.observing import STOP_SECONDS, observe_to_the_end
from harness.plan import PlannedCase
from harness.sim.loop import VirtualLoop


class Waits:
    """An adapter whose call never ends; a stubborn one has to be told twice to stop."""

    name, version, policy = "waits", "1", Policy.RAISE
    capabilities: frozenset[object] = frozenset()

    def __init__(self, *, stubborn: bool = False) -> None:
        self.stubborn = stubborn

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        while True:
            try:
                await asyncio.sleep(1.0)
            except asyncio.CancelledError:
                if not self.stubborn:
                    raise
                self.stubborn = False
        yield


def watched(client: Waits, lost: Callable[[float], float]) -> list[ClientRecord]:
    """What is seen of the client on a machine that has lost so many seconds at a time."""
    case = PlannedCase(
        scenario=catalog.scenarios()["completion.plain"],
        adapter=client,  # type: ignore[arg-type]
        seed="1",
        policy=client.policy,
    )
    loop = VirtualLoop()
    seen: list[ClientRecord] = []
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        job = job_of(case, "http://sim")
        runner.run(observe_to_the_end(case, job, loop.time, seen, lambda: lost(loop.time())))
    return seen


@pytest.mark.parametrize(
    ("lost", "seconds"),
    [
        pytest.param(lambda t: 0.0, 9.0, id="nothing"),
        pytest.param(lambda t: min(t, 4.0), 13.0, id="four_seconds_at_first"),
        pytest.param(lambda t: t / 4, 12.0, id="a_quarter_of_all"),
        pytest.param(lambda t: t * 0.99, 27.0, id="nearly_all"),
    ],
)
def test_time_that_the_machine_lost_is_not_the_clients(lost: Callable[[float], float], seconds: float) -> None:
    (only,) = watched(Waits(), lost)
    assert isinstance(only, TimedOut)
    assert only.t == pytest.approx(seconds, abs=0.02)


def test_a_client_that_does_not_stop_is_left_when_it_had_its_time_to_stop() -> None:
    (*_, last) = watched(Waits(stubborn=True), lambda t: 0.0)
    assert isinstance(last, AdapterFailed)
    assert f"{STOP_SECONDS:g} s" in last.why
