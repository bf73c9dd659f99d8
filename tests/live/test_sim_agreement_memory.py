"""Clients in memory and on real sockets come to the same end in every scenario, and broken ones are caught there, too.

Of a client that does its work nothing is left out: also where time decides how much was under way, as over a broken
network, both agree in the verdict and in the laws that were broken.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

import httpx
import pytest
from live.running import is_late, run
from meta.planted import PLANTED, LeavesConnectionsOpen, NeverStreams, Planted

from fake_server.record import Ended
from harness import catalog, engine
from harness.adapter import Adapter
from harness.adapters.bundled import ADAPTER as BUNDLED
from harness.events import CaseFinished
from harness.history import canonical
from harness.model import (
    AdapterFailed,
    Cancelled,
    ClientRecord,
    Finished,
    Job,
    Observed,
    Outcome,
    Policy,
    Scenario,
    Shown,
    TimedOut,
)
from harness.network import AtStart
from harness.plan import PlannedCase, plan
from harness.sim import inmemory, runner
from harness.verdict import Verdict

FEW = "completion or http_status or unreachable_network"


def in_memory(client: str, seed: str, select: str = "") -> dict[str, CaseFinished]:
    """Every selected scenario that ``client`` can be run in without sockets; results by ``scenario@client``."""
    cases = plan(catalog.scenarios(), [catalog.adapter(client)], seed=seed, select=select).cases
    possible = [case for case in cases if not case.lacking and not inmemory.not_possible(case)]
    return {f"{case.scenario.id}@{client}": judged(case) for case in possible}


def judged(case: PlannedCase) -> CaseFinished:
    return engine.finished(inmemory.run(case), catalog.laws())


def broken(result: CaseFinished) -> set[str]:
    return {ruling.law for ruling in result.rulings if ruling.verdict is Verdict.FAIL}


def told(result: CaseFinished) -> object:
    return result.verdict, sorted(broken(result))


def different(client: str, seed: str, select: str = "") -> dict[str, tuple[object, object]]:
    """What has another verdict in memory than live; what was late on this machine is run live again."""
    live, memory = run(client, seed=seed, select=select), in_memory(client, seed, select)
    wrong = [name for name in memory if told(memory[name]) != told(live[name])]
    late = [live[name].scenario for name in wrong if is_late(live[name])]
    if late:
        live |= run(client, seed=seed, select=" or ".join(late))
    return {name: (told(memory[name]), told(live[name])) for name in wrong if told(memory[name]) != told(live[name])}


def is_cut_into_reads(scenario: Scenario) -> bool:
    """Whether the network cuts the answer wherever its time is up.

    What the naive loop makes of that depends on where a read ends, for it decodes each by itself: a matter of time.
    """
    faults = scenario.network.faults if scenario.network is not None else ()
    downstream = [one for one in faults if one.stream == "downstream" and one.begins == AtStart()]
    return any(one.type in {"slicer", "bandwidth"} for one in downstream)


@pytest.mark.slow
@pytest.mark.load
@pytest.mark.parametrize("client", ["anthropic", "naive", "bundled"])
def test_in_memory_every_scenario_ends_as_on_sockets(client: str) -> None:
    excused = {f"{name}@naive" for name, one in catalog.scenarios().items() if is_cut_into_reads(one)}
    assert different(client, "11").keys() - excused == set()


def test_in_memory_some_scenarios_end_as_on_sockets() -> None:
    assert different("anthropic", "12", FEW) == {}


def test_two_runs_in_memory_differ_in_nothing() -> None:
    one, two = (in_memory("anthropic", "5", FEW) for _ in range(2))
    assert {name: times(result) for name, result in one.items()} == {name: times(two[name]) for name in two}
    assert [canonical(result.record) for result in one.values() if result.record] == [
        canonical(result.record) for result in two.values() if result.record
    ]


def times(result: CaseFinished) -> list[tuple[str, float]]:
    """When each thing happened, to the microsecond."""
    assert result.record is not None
    return [(type(one).__name__, one.t) for one in (*result.record.server, *result.record.client)]


def test_waits_of_minutes_cost_nothing() -> None:
    began = time.monotonic()
    results = in_memory("anthropic", "1", "rate_limit or unreachable")
    virtual = sum(result.record.client[-1].t for result in results.values() if result.record is not None)
    assert virtual > 30
    assert time.monotonic() - began < virtual / 2


def test_the_simulation_runs_a_client_in_memory_where_it_is_no_state_machine() -> None:
    case = plan(catalog.scenarios(), [catalog.adapter("anthropic")], seed="1", select="completion.plain").cases[0]
    assert runner.not_possible(case) == ""
    assert runner.run(case).client == inmemory.run(case).client


def test_what_needs_sockets_says_so() -> None:
    [sync] = plan(catalog.scenarios(), [catalog.adapter("bundled_sync")], seed="1", select="completion.plain").cases
    assert "does not say that it runs in memory" in runner.not_possible(sync)
    assert "sinks" in inmemory.not_possible(case_of("sinks.breaks_off", BUNDLED))
    with pytest.raises(TypeError, match="in memory"):
        inmemory.run(sync)


def test_the_server_has_the_date_that_clients_have() -> None:
    results = in_memory("anthropic", "1", "rate_limit.retry_after_date")
    assert [one.verdict for one in results.values()] == [Verdict.PASS]


@pytest.mark.parametrize("client", ["anthropic", "bundled"])
def test_a_call_is_cancelled_where_the_scenario_says_so(client: str) -> None:
    scenarios = [name for name, one in catalog.scenarios().items() if one.cancel_after is not None]
    results = in_memory(client, "1", " or ".join(scenarios))
    assert results
    for result in results.values():
        assert result.record is not None
        assert isinstance(result.record.client[-1], Cancelled)
        assert result.verdict is Verdict.PASS, result.finding


class ClosesLater:
    """An adapter whose client keeps its connection for a while when the call is over."""

    name, version, policy = "closes-later", "1", Policy.BEST_EFFORT
    capabilities: frozenset[object] = frozenset()
    in_memory = True

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        assert job.memory is not None
        client = httpx.AsyncClient(transport=job.memory.transport(httpx))
        body, headers = {**job.request, "stream": True}, {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        asked = client.build_request("POST", f"{job.base_url}/v1/messages", json=body, headers=headers)
        await client.send(asked, stream=True)
        self.closing = asyncio.create_task(self.close(client))
        yield Finished(outcome=Outcome.FAILED)

    async def close(self, client: httpx.AsyncClient) -> None:
        await asyncio.sleep(self.seconds)
        await client.aclose()


@pytest.mark.parametrize(("seconds", "how"), [(0.9, "peer_closed"), (1.1, "abandoned")])
def test_a_client_has_a_while_to_close_its_connection(seconds: float, how: str) -> None:
    record = inmemory.run(case_of("completion.held_open", ClosesLater(seconds)))  # type: ignore[arg-type]
    assert [one.how for one in record.server if isinstance(one, Ended)] == [how]


# ---- clients that are broken


def case_of(scenario: str, adapter: Adapter) -> PlannedCase:
    return PlannedCase(scenario=catalog.scenarios()[scenario], adapter=adapter, seed="3", policy=adapter.policy)


IN_MEMORY = [bug for bug in PLANTED if catalog.scenarios()[bug.scenario].receiver is None]


@pytest.mark.parametrize("bug", IN_MEMORY, ids=lambda bug: bug.name)
def test_every_planted_bug_of_session_and_driver_is_caught_in_memory(bug: Planted) -> None:
    result = judged(case_of(bug.scenario, bug.adapter))
    LeavesConnectionsOpen.leaked.clear()
    assert result.verdict is Verdict.FAIL
    assert bug.law in broken(result), [(one.law, one.harm) for one in result.rulings if one.verdict is Verdict.FAIL]


@pytest.mark.parametrize("scenario", sorted({bug.scenario for bug in IN_MEMORY}))
def test_the_sound_client_passes_in_memory_where_the_broken_ones_fail(scenario: str) -> None:
    result = judged(case_of(scenario, BUNDLED))
    assert result.verdict is Verdict.PASS, result.finding


def test_a_client_that_never_meets_the_fault_does_not_pass_in_memory() -> None:
    bug = Planted("never-streams", NeverStreams, "cutoff.clean_end_mid_text", "SP22")
    assert judged(case_of(bug.scenario, bug.adapter)).verdict is not Verdict.PASS


class Waits:
    """An adapter whose client waits in a way of its own, and leaves when it has been told to often enough."""

    name, version, policy = "waits", "1", Policy.BEST_EFFORT
    capabilities: frozenset[object] = frozenset()
    in_memory = True

    def __init__(self, wait: Callable[[], Awaitable[object]], leaves: int = 1) -> None:
        self.wait, self.leaves = wait, leaves

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        yield Shown(text="The")
        told = 0
        while told < self.leaves:
            try:
                await self.wait()
            except asyncio.CancelledError:
                told += 1
        raise asyncio.CancelledError

    def seen(self) -> list[ClientRecord]:
        return list(inmemory.run(case_of("completion.plain", self)).client)  # type: ignore[arg-type]


WAITS = {"for nothing": lambda: asyncio.Event().wait(), "in a circle": lambda: asyncio.sleep(0)}
STUBBORN = {"for nothing": lambda: asyncio.Event().wait(), "again and again": lambda: asyncio.sleep(1.0)}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_a_client_that_waits_for_ever_is_timed_out(wait: Callable[[], Awaitable[object]]) -> None:
    seen = Waits(wait).seen()
    assert [type(one) for one in seen] == [Shown, TimedOut]
    assert seen[-1].t == pytest.approx(9.0, abs=0.01)


@pytest.mark.parametrize("leaves", [2, 3])
@pytest.mark.parametrize("wait", STUBBORN.values(), ids=STUBBORN)
def test_a_client_that_does_not_stop_is_left_behind(wait: Callable[[], Awaitable[object]], leaves: int) -> None:
    assert [type(one) for one in Waits(wait, leaves).seen()] == [Shown, AdapterFailed]


def test_a_case_in_memory_leaves_the_dice_of_the_process_alone() -> None:
    random.seed("somebody else's")
    before = random.getstate()
    inmemory.run(case_of("completion.plain", BUNDLED))
    assert random.getstate() == before
