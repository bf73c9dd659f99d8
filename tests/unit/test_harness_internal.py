"""A fault of the harness itself: what was finished is kept, and the blame is ours."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from fake_server.script import Reply, Request, script
from harness import catalog, engine
from harness.errors import InternalError
from harness.events import CaseFinished, Event, RunFinished
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
