"""How many cases a second the simulation runs on one core, and how that compares with sockets.

``make bench`` shows the tables and holds us to the ratios: to real sockets in the same run, and of judging to running.
The quick suite runs everything once on a small scale.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fake_server.answer import Answer
from fake_server.faults.close_early import CloseEarly
from fake_server.position import AtEvent
from fake_server.script import script
from harness import catalog, engine
from harness.events import CaseFinished
from harness.fuzz import LIMITS, SEED
from harness.model import Expect, Scenario
from harness.plan import Plan, PlannedCase, Tier, plan
from harness.sim import runner
from harness.sweep import Stream, Sweep, size_of
from harness.sweeping import Chunk, examine
from harness.verdict import Verdict

LAWS = catalog.laws()
FASTER_THAN_SOCKETS = 50
LIVE_CASES = 200
Do = Callable[[PlannedCase], Any]


def recovering(number: int, client: str = "bundled", sentences: int = 1) -> PlannedCase:
    """A stream that is cut behind six events, and then the whole answer."""
    answer, adapter = Answer(story=str(number), sentences=sentences), catalog.adapter(client)
    scenario = Scenario(
        name=f"recovers_{number}",
        family="bench",
        title="A cut, then a whole answer.",
        script=script(answer.but(CloseEarly(at=AtEvent(None, 6))), answer),
        expect=Expect(may_fail=True),
        limits=LIMITS,
        drawn_as=SEED,
    )
    return PlannedCase(scenario=scenario, adapter=adapter, seed=SEED, policy=adapter.policy)


def judged(case: PlannedCase) -> CaseFinished:
    return engine.finished(runner.run(case), LAWS)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], benchmark: BenchmarkFixture) -> Callable[[str], None]:
    """Shows what was measured at once, if it is worth anything."""

    def write(text: str) -> None:
        if benchmark.enabled:
            with capsys.disabled():
                sys.stdout.write(f"\n  {text}\n")

    return write


def speed(do: Do, cases: list[PlannedCase], seconds: float) -> float:
    """Cases per second of this process's own time: the best of some rounds, as others may use the machine."""
    best = 0.0
    for _ in range(5):
        began, done = time.process_time(), 0
        for case in cycle(cases):
            do(case)
            done += 1
            if (lasted := time.process_time() - began) > seconds / 5:
                break
        best = max(best, done / lasted)
    return best


@pytest.mark.parametrize("do", [runner.run, judged], ids=["run", "run and judged"])
@pytest.mark.parametrize("sentences", [1, 12], ids=["small", "4 KB"])
def test_cases_are_run(benchmark: BenchmarkFixture, do: Do, sentences: int) -> None:
    cases = cycle([recovering(number, sentences=sentences) for number in range(50)])
    benchmark.group = f"a cut answer and a whole one, {sentences} sentences"
    assert judged(recovering(0, sentences=sentences)).verdict is Verdict.PASS
    benchmark(lambda: do(next(cases)))


def test_judging_takes_no_longer_than_running(benchmark: BenchmarkFixture, say: Callable[[str], None]) -> None:
    seconds = 3.0 if benchmark.enabled else 0.1
    cases = [recovering(number) for number in range(50)]
    run, both = (speed(do, cases, seconds) for do in (runner.run, judged))
    benchmark.pedantic(judged, args=(cases[0],), rounds=1)
    benchmark.extra_info |= {"run": round(run), "run and judged": round(both)}
    say(f"{run:,.0f} cases/s, {both:,.0f} cases/s with all laws")
    assert not benchmark.enabled or both >= run / 2


def test_the_simulation_is_faster_than_sockets(benchmark: BenchmarkFixture, say: Callable[[str], None]) -> None:
    count = LIVE_CASES if benchmark.enabled else 2
    cases = [recovering(number) for number in range(count)]
    began = time.perf_counter()
    passed = asyncio.run(live(cases))
    on_sockets = count / (time.perf_counter() - began)
    simulated = speed(judged, cases, 2.0 if benchmark.enabled else 0.01)
    one_by_one = len(cases[:10]) / alone(cases[:10]) if benchmark.enabled else 0.0
    benchmark.pedantic(judged, args=(cases[0],), rounds=1)
    benchmark.extra_info |= {"simulated": simulated, "sockets": on_sockets, "sockets, one by one": one_by_one}
    say(f"{simulated:,.0f} cases/s simulated; on sockets {on_sockets:,.1f}, one after the other {one_by_one:,.1f}")
    assert passed == count
    assert not benchmark.enabled or simulated >= FASTER_THAN_SOCKETS * one_by_one


async def live(cases: list[PlannedCase], jobs: int = 64) -> int:
    """How many of them pass on sockets, so many at once."""
    planned = Plan(cases=tuple(cases), seed=SEED, jobs=jobs, tier=Tier.LIVE)
    events = engine.run(planned, LAWS)
    return len([one async for one in events if isinstance(one, CaseFinished) and one.verdict is Verdict.PASS])


def alone(cases: list[PlannedCase]) -> float:
    """Seconds that they take on sockets, one after the other."""
    began = time.perf_counter()
    asyncio.run(live(cases, jobs=1))
    return time.perf_counter() - began


def test_the_whole_catalogue_is_simulated(benchmark: BenchmarkFixture) -> None:
    planned = plan(catalog.scenarios(), [catalog.adapter("bundled")], seed="1", tier=Tier.SIM)
    cases = [case for case in planned.cases if not case.lacking and not runner.not_possible(case)]
    chosen = cases if benchmark.enabled else cases[:10]
    results = benchmark.pedantic(lambda: [judged(case) for case in chosen], rounds=5 if benchmark.enabled else 1)
    benchmark.extra_info["cases"] = len(chosen)
    assert [one.case for one in results if one.verdict is Verdict.FAIL] == []


def test_the_official_sdk_is_run_in_memory(benchmark: BenchmarkFixture, say: Callable[[str], None]) -> None:
    pytest.importorskip("anthropic")
    cases = [recovering(number, "anthropic") for number in range(10)]
    rate = speed(runner.run, cases, 3.0 if benchmark.enabled else 0.05)
    benchmark.pedantic(runner.run, args=(cases[0],), rounds=1)
    benchmark.extra_info["cases/s"] = round(rate)
    say(f"{rate:,.0f} cases/s with the SDK in memory")
    assert judged(cases[0]).verdict is not Verdict.UNKNOWN


def test_a_stream_is_cut_at_every_byte(benchmark: BenchmarkFixture, say: Callable[[str], None]) -> None:
    stream = Stream(seed="1")
    size = size_of(Sweep.CUTS, stream) if benchmark.enabled else 20
    chunk = Chunk(sweep=Sweep.CUTS, stream=stream, client="bundled", numbers=range(size))
    swath = benchmark.pedantic(examine, args=(chunk,), rounds=1)
    say(f"{size} cuts of a stream of {stream.body} bytes")
    assert (swath.cases, swath.unknown, swath.finds) == (size, 0, {})
