"""One question, asked of both clients at once: what happens is told while it happens, and at the end what is true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec

from harness import catalog, engine
from harness.adapter import Adapter, dialect_of
from harness.adapters import bundled, naive
from harness.chat.calls import Call, Speaker
from harness.chat.told import Teller, Told, ending
from harness.job import token_of
from harness.model import Job, Observed
from harness.observing import observe_until
from harness.plan import PlannedCase
from harness.truth import truth
from harness.web.channel import Channel


class Side(StrEnum):
    """Whose answer it is."""

    NAIVE = "naive"
    RESILIENT = "resilient"


def clients() -> dict[Side, Adapter]:
    """The clients that are asked. The resilient one's reader sees whole sentences."""
    return {Side.NAIVE: naive.ADAPTER, Side.RESILIENT: bundled.in_sentences()}


class Overheard:
    """A client that tells what its user sees in the moment in which that is seen."""

    def __init__(self, adapter: Adapter, tell: Callable[[Observed], object]) -> None:
        self.name, self.version, self.policy = adapter.name, adapter.version, adapter.policy
        self.capabilities, self.dialect = adapter.capabilities, dialect_of(adapter)
        self._adapter, self._tell = adapter, tell

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Make the call; see :class:`harness.adapter.Adapter`."""
        async with aclosing(self._adapter.run(job)) as observations:
            async for observation in observations:
                self._tell(observation)
                yield observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, of whom, and what goes wrong."""

    number: int
    message: str
    cases: Mapping[Side, PlannedCase]
    speaker: Speaker


class Talk:
    """A question that is being answered. All that happens is told in its channel, which ends with it."""

    def __init__(self, question: Question) -> None:
        self.channel = Channel()
        self._question = question
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """The user presses stop: both clients leave at once."""
        self._stopped.set()

    async def run(self) -> None:
        """Ask both, and tell everything until both have ended and are judged."""
        try:
            async with asyncio.TaskGroup() as group:
                for side, case in self._question.cases.items():
                    group.create_task(self._ask(side, case))
        finally:
            self.channel.close()

    async def _ask(self, side: Side, case: PlannedCase) -> None:
        speaker = self._question.speaker
        teller = Teller(speaker.key)

        def tell(*events: Told) -> None:
            for name, data in events:
                self.channel.tell(name, {**data, "side": side})

        planned = speaker.planned(case, self._question.message)
        heard = replace(planned, adapter=Overheard(case.adapter, lambda seen: tell(*teller.seen(seen))))
        token = f"{token_of(case)}~{self._question.number}"
        async with speaker.call(planned, token, lambda record: tell(*teller.wire(record))) as call:
            if call.job is not None:
                await observe_until(self._stopped, heard, call.job, call.now, call.seen, call.lost)
            if (end := ending(call.seen)) is not None:
                tell(*teller.seen(end))
        tell(("truth", {**_truth(planned, call, teller), "replay": speaker.again(planned)}))


def _truth(case: PlannedCase, call: Call, teller: Teller) -> dict[str, Any]:
    found = truth(engine.finished(call.record, catalog.laws()), ", ".join(sorted(case.lacking)))
    said: dict[str, Any] = msgspec.to_builtins(found)
    return {
        **said,
        "sentence": teller.said(found.sentence),
        "missing": teller.text(found.missing),
        "lines": teller.lines(call.record),
    }
