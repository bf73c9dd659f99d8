"""Cases that are tried again, on real sockets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import httpx
import pytest

from harness import catalog, engine
from harness.adapters.naive import NaiveAdapter
from harness.errors import UsageError
from harness.events import CaseFinished, CaseStarted, CaseTried, Event, RunFinished, RunStarted
from harness.model import Finished, Job, Limits, Observed, Outcome
from harness.plan import Tier, plan
from harness.verdict import Verdict

PLAIN = "completion.plain"
PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Moody(NaiveAdapter):
    """Ends each call as it is told: as it should, as complete with nothing shown, or by breaking its contract."""

    name = "moody"

    def __init__(self, *moods: Verdict) -> None:
        self._moods = list(moods)
        self.urls: list[str] = []

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        self.urls.append(job.base_url)
        mood = self._moods.pop(0)
        if mood is UNKNOWN:
            raise RuntimeError("not today")
        async for seen in super().run(job):
            if mood is PASS or isinstance(seen, Finished):
                yield seen


class Haunted(Moody):
    """Its first call goes on asking when the second is under way."""

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        if self.urls:
            async with httpx.AsyncClient() as client:
                answer = await client.post(f"{self.urls[0]}/v1/messages", json=job.request)
                assert answer.status_code == 404
        async for seen in super().run(job):
            yield seen


class Silent(NaiveAdapter):
    """Never says anything."""

    name = "silent"

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        await asyncio.Event().wait()
        yield Finished(outcome=Outcome.COMPLETE)


async def events(
    adapter: NaiveAdapter, tries: int, *, select: str = PLAIN, stop_at: type[Event] | None = None
) -> list[Event]:
    """The events of a run whose cases are short; it is told to stop at the first event of the type ``stop_at``."""
    quick = {
        name: replace(one, limits=Limits(settle=0.3, close=0.1)) if isinstance(adapter, Silent) else one
        for name, one in catalog.scenarios().items()
    }
    stop, seen = asyncio.Event(), []
    async for event in engine.run(
        plan(quick, [adapter], seed="7", select=select, tries=tries), catalog.laws(), stop=stop
    ):
        seen.append(event)
        if stop_at is not None and isinstance(event, stop_at):
            stop.set()
    return seen


def told(seen: Sequence[Event]) -> list[object]:
    """What a run said, in short."""
    names: dict[type[Event], str] = {CaseStarted: "started", CaseTried: "tried", CaseFinished: "finished"}
    return [(names[type(one)], getattr(one, "nth", 0)) for one in seen if type(one) in names]


def only(seen: Sequence[Event]) -> CaseFinished:
    (case,) = [one for one in seen if isinstance(one, CaseFinished)]
    return case


@pytest.mark.parametrize(
    ("moods", "verdict", "is_flaky"),
    [
        ([FAIL, PASS], FAIL, True),
        ([FAIL, FAIL, PASS], FAIL, True),
        ([FAIL, FAIL, FAIL], FAIL, False),
        ([UNKNOWN, PASS], PASS, False),
        ([UNKNOWN, FAIL, UNKNOWN], FAIL, False),
        ([UNKNOWN, UNKNOWN, UNKNOWN], UNKNOWN, False),
    ],
)
async def test_a_case_is_tried_until_it_passes_and_every_verdict_is_told(
    moods: list[Verdict], verdict: Verdict, is_flaky: bool
) -> None:
    seen = await events(Moody(*moods), 3)
    case = only(seen)
    assert (case.verdict, case.is_flaky, [one.verdict for one in case.tries]) == (verdict, is_flaky, moods)
    tries = [(kind, nth) for nth in range(1, len(moods) + 1) for kind in ("started", "tried")]
    assert told(seen) == [*tries, ("finished", 0)]
    assert [event.number for event in seen] == list(range(len(seen)))


async def test_every_try_has_its_own_history_and_the_one_that_decides_is_the_cases() -> None:
    seen = await events(Moody(UNKNOWN, FAIL, PASS), 3)
    tries = [one for one in seen if isinstance(one, CaseTried)]
    assert [one.verdict for one in tries] == [UNKNOWN, FAIL, PASS]
    assert all(one.record is not None for one in tries)
    assert only(seen).record == tries[1].record
    assert {one.case for one in tries} == {only(seen).case} == {"completion.plain@moody:7"}


@pytest.mark.parametrize(("mood", "tries"), [(PASS, 3), (FAIL, 1), (UNKNOWN, 1)])
async def test_what_passes_or_may_not_be_tried_again_has_one_try(mood: Verdict, tries: int) -> None:
    seen = await events(Moody(mood), tries)
    assert told(seen) == [("started", 1), ("finished", 0)]
    assert (only(seen).verdict, only(seen).tries) == (mood, ())


async def test_a_case_that_does_not_concern_the_client_is_not_tried_again() -> None:
    assert told(await events(Moody(), 3, select="content.tool_call")) == [("finished", 0)]


async def test_a_run_counts_cases_and_not_tries() -> None:
    first, *_, end = await events(Moody(FAIL, PASS), 3)
    assert isinstance(first, RunStarted)
    assert isinstance(end, RunFinished)
    assert (first.tries, first.cases, end.counts, end.interrupted) == (3, 1, {"moody": {FAIL: 1}}, False)


async def test_what_a_client_still_asks_for_an_earlier_try_does_not_count_for_a_later_one() -> None:
    case = only(await events(Haunted(UNKNOWN, PASS), 2))
    assert case.verdict is PASS
    assert case.record is not None
    assert Counter(one.attempt for one in case.record.server if type(one).__name__ == "Requested") == {1: 1}


async def test_cases_are_tried_again_when_all_were_tried_and_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine._Rounds, "_FEW", 1)
    seen = await events(Silent(), 2, select="completion.plain or completion.empty or completion.two_blocks")
    count = sum(isinstance(one, CaseStarted) and one.nth == 1 for one in seen)
    assert count > 1
    first, second = told(seen)[: 2 * count], told(seen)[2 * count :]
    assert Counter(first) == {("started", 1): count, ("tried", 1): count}
    assert second == [("started", 2), ("tried", 2), ("finished", 0)] * count


async def test_a_run_that_is_stopped_between_tries_keeps_what_they_came_to() -> None:
    *_, case, end = await events(Silent(), 2, stop_at=CaseTried)
    assert isinstance(case, CaseFinished)
    assert case.verdict is FAIL
    assert isinstance(end, RunFinished)
    assert (end.interrupted, end.counts) == (True, {"silent": {FAIL: 1}})


def test_a_simulation_is_not_tried_again() -> None:
    with pytest.raises(UsageError, match="a simulation ends the same every time"):
        plan(catalog.scenarios(), [NaiveAdapter()], seed="1", tier=Tier.SIM, tries=2)
