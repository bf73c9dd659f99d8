"""``check_adapter`` tells what an adapter does wrong, in words; of every adapter that ships it has nothing to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, ClassVar

import httpx
import pytest

from harness import catalog
from harness.adapter import Absent
from harness.adapters.bundled import BundledAdapter
from harness.conformance import check_adapter
from harness.model import Capability, Cleared, ErrorSeen, Finished, Job, Observed, Outcome, Policy, Shown

CLIENTS = catalog.every_adapter()


class Whole:
    """A good adapter of a simple client; the broken ones differ from it in one thing."""

    name, version, policy = "whole", "1", Policy.BEST_EFFORT
    capabilities: frozenset[Capability] = frozenset()

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        async with httpx.AsyncClient(timeout=2) as http:
            try:
                headers = {"x-api-key": job.api_key, "anthropic-version": "2023-06-01"}
                answer = await http.post(self.url(job), json=job.request, headers=headers)
                answer.raise_for_status()
                async for one in self.seen(answer.json()):
                    yield one
            except httpx.HTTPStatusError as error:
                yield self.refused(error)
            except (httpx.HTTPError, ValueError) as error:
                yield Finished(outcome=Outcome.FAILED, error=ErrorSeen(name="Broken", message=str(error), typed=True))

    def url(self, job: Job) -> str:
        return f"{job.base_url}/v1/messages"

    async def seen(self, message: Any) -> AsyncGenerator[Observed, None]:
        yield Shown(text="".join(block.get("text", "") for block in message["content"]))
        yield Finished(outcome=Outcome.COMPLETE)

    def refused(self, error: httpx.HTTPStatusError) -> Finished:
        seen = ErrorSeen(name="Refused", message="", typed=True, status=error.response.status_code)
        return Finished(outcome=Outcome.FAILED, error=seen)


class AsksElsewhere(Whole):
    def url(self, job: Job) -> str:
        return f"{job.base_url}/messages"


class ShowsNothing(Whole):
    async def seen(self, message: Any) -> AsyncGenerator[Observed, None]:
        yield Finished(outcome=Outcome.COMPLETE)


class ShowsItTwice(Whole):
    async def seen(self, message: Any) -> AsyncGenerator[Observed, None]:
        text = "".join(block.get("text", "") for block in message["content"])
        yield Shown(text=text)
        yield Shown(text=text)
        yield Finished(outcome=Outcome.COMPLETE)


class ForgetsTheEnd(Whole):
    async def seen(self, message: Any) -> AsyncGenerator[Observed, None]:
        yield Cleared()


class GoesOn(Whole):
    async def seen(self, message: Any) -> AsyncGenerator[Observed, None]:
        async for one in super().seen(message):
            yield one
        yield Cleared()


class CallsEverythingFailed(Whole):
    async def seen(self, message: Any) -> AsyncGenerator[Observed, None]:
        yield Finished(outcome=Outcome.FAILED)


class HidesRefusals(Whole):
    def refused(self, error: httpx.HTTPStatusError) -> Finished:
        return Finished(outcome=Outcome.COMPLETE)


class SaysNoError(Whole):
    def refused(self, error: httpx.HTTPStatusError) -> Finished:
        return Finished(outcome=Outcome.FAILED)


class InventsAStatus(Whole):
    def refused(self, error: httpx.HTTPStatusError) -> Finished:
        return Finished(outcome=Outcome.FAILED, error=ErrorSeen(name="R", message="", typed=True, status=500))


class NeverAsks(Whole):
    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        yield Finished(outcome=Outcome.COMPLETE)


class LeavesItOpen(BundledAdapter):
    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Reads on in the background when its generator is closed."""
        seen: asyncio.Queue[Observed | None] = asyncio.Queue()

        async def read() -> None:
            async for one in super(LeavesItOpen, self).run(job):
                seen.put_nowait(one)
            seen.put_nowait(None)

        reading = asyncio.create_task(read())
        LeavesItOpen.left.append(reading)
        while (one := await seen.get()) is not None:
            yield one

    left: ClassVar[list[asyncio.Task[None]]] = []


def claiming(capability: Capability) -> Whole:
    adapter = Whole()
    adapter.capabilities = frozenset({capability})
    return adapter


BROKEN = [
    (AsksElsewhere(), "the request was POST /case/completion.plain@whole:conformance/messages"),
    (ShowsNothing(), "nothing was shown of a whole answer"),
    (ShowsItTwice(), "the text shown is not what the server said: at character"),
    (ForgetsTheEnd(), "stopped without Finished"),
    (GoesOn(), "observed Cleared after Finished"),
    (CallsEverythingFailed(), "a whole answer was reported as failed"),
    (HidesRefusals(), "the server refused the request (401), and that was reported as complete"),
    (SaysNoError(), "Finished.error is None"),
    (InventsAStatus(), "ErrorSeen.status is 500 where the server sent 401"),
    (NeverAsks(), "no request came to job.base_url"),
    (LeavesItOpen(name="left-open"), "the connection to the server stayed open"),
    (claiming(Capability.TOOLS), "it declares `tools`"),
    (claiming(Capability.USAGE), "it declares `usage`"),
    (claiming(Capability.BILLING), "it declares `billing`"),
    (claiming(Capability.OUTCOMES), "it declares `outcomes`"),
    (claiming(Capability.ERROR_KIND), "it declares `error_kind`"),
    (claiming(Capability.RETRIES), "it declares `retries`"),
]


def test_nothing_is_said_of_a_good_adapter() -> None:
    assert check_adapter(Whole()) == []


@pytest.mark.parametrize(("adapter", "told"), BROKEN, ids=lambda one: getattr(one, "name", None) and type(one).__name__)
def test_what_an_adapter_does_wrong_is_said_in_words(adapter: Any, told: str) -> None:
    problems = check_adapter(adapter)
    assert any(told in one for one in problems), problems


@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.name)
def test_every_adapter_that_ships_keeps_the_contract(client: Any) -> None:
    if isinstance(client, Absent):
        pytest.skip(f"NOT CHECKED: {client.why}")
    assert check_adapter(client) == []
