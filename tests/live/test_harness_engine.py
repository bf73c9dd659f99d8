"""The engine on real sockets: its events, its early end, and clients that cannot or do not do as they should."""

from __future__ import annotations

import asyncio
import gc
import re
import shutil
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import repeat

import pytest

from fake_server.clock import Clock, SystemClock
from harness import catalog, engine, observing
from harness.adapter import Adapter
from harness.adapters.bundled import BundledAdapter
from harness.events import CaseFinished, CaseStarted, Event, RunFinished, RunStarted
from harness.history import canonical
from harness.live import LiveRunner
from harness.model import Capability, Finished, Job, Limits, Observed, Outcome, Policy, Shown
from harness.plan import plan
from harness.verdict import Verdict

PLAIN = "completion.plain"
STALLED = "stall.mid_text"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Broken:
    """An adapter that raises ``error`` when it has shown something."""

    version = "1"
    policy = Policy.RAISE
    capabilities: frozenset[Capability] = frozenset()

    def __init__(self, error: BaseException, name: str = "broken") -> None:
        self.name = name
        self._error = error

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        yield Shown(text="The")
        raise self._error


class Silent(Broken):
    """An adapter whose client never makes a request."""

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        yield Finished(outcome=Outcome.COMPLETE)


class Counting(SystemClock):
    """A clock that keeps what was slept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(seconds)


class Later(SystemClock):
    """A clock whose wall time is another day."""

    def __init__(self, day: int) -> None:
        self._day = day

    def wall(self) -> float:
        return self._day * 86_400.0


async def events(
    select: str,
    adapters: Sequence[Adapter] = (),
    *,
    seed: str = "7",
    stop_at: type[Event] | None = None,
    clock: Clock | None = None,
) -> list[Event]:
    """The events of a run; it is told to stop at the first event of the type ``stop_at``."""
    stop = asyncio.Event()
    planned = plan(catalog.scenarios(), adapters or [catalog.adapter("naive")], seed=seed, select=select)
    seen: list[Event] = []
    async for event in engine.run(planned, catalog.laws(), stop=stop, clock=clock):
        seen.append(event)
        if stop_at is not None and isinstance(event, stop_at):
            stop.set()
    return seen


async def only_case(select: str, adapter: Adapter, *, seed: str = "7", clock: Clock | None = None) -> CaseFinished:
    seen = await events(select, [adapter], seed=seed, clock=clock)
    (found,) = [event for event in seen if isinstance(event, CaseFinished)]
    return found


def test_every_client_that_ships_is_an_adapter() -> None:
    names = catalog.names("harness.adapters")
    here = [name for name in names if name != "node" or shutil.which("node")]
    assert [catalog.adapter(name).name for name in here] == here
    ours = "bundled bundled_blocks bundled_chat bundled_relay bundled_responses bundled_sync"
    assert names == ["anthropic", *ours.split(), "naive", "node"]


async def test_events_are_numbered_from_zero_from_run_started_to_run_finished() -> None:
    seen = await events("completion.plain or completion.empty")
    assert [event.number for event in seen] == list(range(len(seen)))
    assert isinstance(seen[0], RunStarted)
    assert isinstance(seen[-1], RunFinished)
    assert [type(event) for event in seen].count(RunFinished) == 1


async def test_a_run_begins_by_saying_what_its_clients_were_called_without_keys() -> None:
    called = {"mine": "cmd:env KEY=sk-ant-api03-nobodys node mine.mjs", "naive": "naive"}
    planned = plan(catalog.scenarios(), [catalog.adapter("naive")], seed="7", select=PLAIN, asked_for=called)
    async with aclosing(engine.run(planned, catalog.laws())) as events:
        started = await anext(events)
    assert isinstance(started, RunStarted)
    assert started.asked_for["naive"] == "naive"
    assert re.fullmatch("cmd:env KEY=(?!.*nobodys).{20} node mine.mjs", started.asked_for["mine"])


async def test_a_run_that_is_done_was_not_interrupted_and_counts_every_case() -> None:
    *_, end = await events("cutoff.clean_end_mid_text or content.tool_call or completion.plain")
    assert isinstance(end, RunFinished)
    assert not end.interrupted
    assert end.counts == {"naive": {Verdict.PASS: 1, Verdict.FAIL: 1, Verdict.SKIP: 1}}


async def test_every_case_starts_before_it_finishes() -> None:
    seen = await events("rate_limit")
    started = {event.case: event.number for event in seen if isinstance(event, CaseStarted)}
    finished = {event.case: event.number for event in seen if isinstance(event, CaseFinished) and event.record}
    assert started.keys() == finished.keys()
    assert all(started[name] < finished[name] for name in started)


async def test_the_first_event_tells_what_will_be_run() -> None:
    first, *_ = await events(PLAIN, [catalog.adapter("naive"), catalog.adapter("bundled")], seed="seed of 7")
    assert isinstance(first, RunStarted)
    assert (first.seed, first.clients, first.scenarios, first.cases) == ("seed of 7", ("naive", "bundled"), (PLAIN,), 2)
    assert first.versions.keys() == {"naive", "bundled", "streamproof", "python"}


@pytest.mark.parametrize("at", [RunStarted, CaseStarted])
async def test_a_run_that_is_stopped_still_ends_with_run_finished(at: type[Event]) -> None:
    seen = await events(STALLED, stop_at=at)
    assert [event.number for event in seen] == list(range(len(seen)))
    end = seen[-1]
    assert isinstance(end, RunFinished)
    assert end.interrupted


async def test_a_run_that_is_stopped_keeps_what_was_finished() -> None:
    *_, end = await events(f"{PLAIN} or {STALLED}", stop_at=CaseFinished)
    assert isinstance(end, RunFinished)
    assert (end.interrupted, end.counts) == (True, {"naive": {Verdict.PASS: 1}})


async def test_a_run_that_is_abandoned_by_its_consumer_leaves_nothing_running() -> None:
    before = asyncio.all_tasks()
    run = engine.run(plan(catalog.scenarios(), [catalog.adapter("naive")], seed="7", select=STALLED), catalog.laws())
    while not isinstance(await anext(run), CaseStarted):
        pass
    await run.aclose()
    assert asyncio.all_tasks() == before


async def test_a_case_that_needs_more_than_the_client_has_is_skipped_without_being_run() -> None:
    seen = await events("content.tool_call")
    assert [type(event) for event in seen] == [RunStarted, CaseFinished, RunFinished]
    (case,) = [event for event in seen if isinstance(event, CaseFinished)]
    assert (case.verdict, case.record, case.why) == (Verdict.SKIP, None, "the client does not declare: tools")


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("pool"), asyncio.CancelledError("stray")], ids=repr)
async def test_an_adapter_that_crashes_is_unknown_and_never_the_clients_failure(error: BaseException) -> None:
    case = await only_case(PLAIN, Broken(error))
    assert case.verdict is Verdict.UNKNOWN
    assert case.finding is not None
    assert case.finding.law == "SP00"
    assert f"raised {type(error).__name__}" in case.finding.harm


async def test_a_client_that_asks_nothing_proves_nothing() -> None:
    case = await only_case("cutoff.fin_mid_text", Silent(ValueError()))
    assert "SP22" in {one.law for one in case.rulings if one.verdict is Verdict.UNKNOWN}


@pytest.mark.parametrize("seed", ["2024/11", "a#b", "a?b", "100%", "a b", "é🌍", "..", "a:b", "[1]"])
async def test_any_seed_reaches_the_scenario(seed: str) -> None:
    assert (await only_case(PLAIN, catalog.adapter("bundled"), seed=seed)).verdict is Verdict.PASS


@pytest.mark.parametrize("name", ["mine/v2", "mine?", "mine#1", "mine 2.0", "50%", "mine@home"])
async def test_any_name_of_a_client_reaches_the_scenario(name: str) -> None:
    assert (await only_case(PLAIN, BundledAdapter(name=name))).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("client", "scenario"),
    [("naive", "cutoff.fin_mid_text"), ("bundled", "cutoff.fin_mid_text"), ("naive", "http_status.status_404")],
)
async def test_two_runs_of_one_seed_have_the_same_history_but_for_times_and_ports(client: str, scenario: str) -> None:
    records = [(await only_case(scenario, catalog.adapter(client), clock=Later(day))).record for day in (1, 2)]
    first, second = [canonical(record) for record in records if record is not None]
    assert first == second


class Stubborn(Broken):
    """An adapter that does not stop when it is told to."""

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        try:
            yield Shown(text="The")
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()


async def test_an_adapter_that_does_not_stop_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observing, "STOP_SECONDS", 0.2)
    quick = replace(catalog.scenarios()[PLAIN], limits=Limits(settle=0.2, close=0.1))
    planned = plan({PLAIN: quick}, [Stubborn(ValueError())], seed="1")
    seen = [event async for event in engine.run(planned, catalog.laws()) if isinstance(event, CaseFinished)]
    assert [one.verdict for one in seen] == [Verdict.UNKNOWN]
    assert seen[0].finding is not None
    assert "did not stop" in seen[0].finding.harm


@pytest.mark.parametrize(("late", "looks"), [([9.0, 9.0], 2), (repeat(9.0), 50), ([], 0)])
async def test_no_case_begins_while_the_loop_is_behind_but_none_waits_for_ever(
    monkeypatch: pytest.MonkeyPatch, late: Iterable[float], looks: int
) -> None:
    behind, clock = iter(late), Counting()
    monkeypatch.setattr(LiveRunner, "late", property(lambda _: next(behind, 0.0)))
    (case,) = [one for one in await events(PLAIN, [BundledAdapter()], clock=clock) if isinstance(one, CaseFinished)]
    assert case.verdict is Verdict.PASS
    assert clock.slept.count(engine._LOOK_SECONDS) == looks


async def test_while_cases_run_the_collector_passes_over_what_was_there_before() -> None:
    async with LiveRunner():
        frozen = gc.get_freeze_count()
    assert frozen > 10_000
    assert gc.get_freeze_count() == 0
