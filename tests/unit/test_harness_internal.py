"""A fault of the harness itself: what was finished is kept, and the blame is ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from io import StringIO
from typing import TextIO

import pytest

from fake_server.script import Reply, Request, script
from harness import catalog, engine
from harness.adapters.naive import NaiveAdapter
from harness.errors import InternalError
from harness.events import CaseFinished, Event, RunFinished
from harness.execute import execute
from harness.journal import decode
from harness.model import Job, Observed
from harness.plan import plan


class BreaksTheEngine:
    """A step whose text cannot be told, so that the case cannot even be described."""

    def text(self, seed: str) -> str | None:
        raise LookupError("no text")

    def reply(self, request: Request) -> Reply:
        raise LookupError("no reply")


def test_a_case_that_breaks_the_engine_ends_the_run_in_order_and_is_our_fault() -> None:
    plain = catalog.scenarios()["completion.plain"]
    broken = replace(plain, name="broken", script=script(BreaksTheEngine()))
    events: list[Event] = []

    async def run() -> None:
        planned = plan({"a": plain, "b": broken}, [catalog.adapter("naive")], seed="1", jobs=1)
        running = engine.run(planned, catalog.laws())
        while (event := await anext(running, None)) is not None:
            events.append(event)

    with pytest.raises(InternalError):
        asyncio.run(run())
    assert [one.scenario for one in events if isinstance(one, CaseFinished)] == ["completion.plain"]
    assert isinstance(events[-1], RunFinished)
    assert events[-1].interrupted


class Breaks:
    """A reporter that breaks at the end, as one does that cannot write."""

    suffix = ""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def take(self, event: Event) -> None:
        if isinstance(event, RunFinished):
            raise OSError("no space left on device")


def test_a_report_that_cannot_be_made_takes_no_other_one_with_it() -> None:
    history = StringIO()
    planned = plan(catalog.scenarios(), [catalog.adapter("naive")], seed="1", select="completion.plain")
    with pytest.raises(ExceptionGroup, match="reports could not be made"):
        execute(planned, [Breaks(StringIO()), catalog.reporter("jsonl")(history)])
    assert isinstance(decode(history.getvalue().splitlines()[-1].encode()), RunFinished)


class Counts(NaiveAdapter):
    """Counts the calls that it was asked for."""

    def __init__(self) -> None:
        self.calls = 0

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        self.calls += 1
        async for one in super().run(job):
            yield one


class BreaksAtOnce(Breaks):
    def take(self, event: Event) -> None:
        raise BrokenPipeError


def test_a_run_that_nobody_listens_to_any_more_ends() -> None:
    client = Counts()
    planned = plan(catalog.scenarios(), [client], seed="1", select="completion or framing", jobs=1)
    with pytest.raises(ExceptionGroup):
        execute(planned, [BreaksAtOnce(StringIO())])
    assert client.calls < len(planned.cases)
