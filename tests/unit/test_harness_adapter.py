"""The wrapper that holds an adapter to its contract."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from harness.adapter import Adapter, observed
from harness.errors import AdapterError
from harness.kept import Kept
from harness.model import (
    AdapterFailed,
    Cancelled,
    Capability,
    Cleared,
    Finished,
    Job,
    Limits,
    Noticed,
    Outcome,
    Policy,
    Shown,
)

JOB = Job(base_url="http://127.0.0.1:9", api_key="k", request={}, limits=Limits(), max_attempts=5, seed="1")
DONE = Finished(outcome=Outcome.COMPLETE)


class Saying:
    """An adapter that yields what it was given, raises what of it is an exception, and counts how often it closed."""

    name = "saying"
    version = "1"
    policy = Policy.RAISE
    capabilities: frozenset[Capability] = frozenset()

    def __init__(self, *says: Any) -> None:
        self._says = says
        self.closed = 0

    async def run(self, job: Job) -> AsyncGenerator[Any, None]:
        try:
            for one in self._says:
                if isinstance(one, BaseException):
                    raise one
                yield one
        finally:
            self.closed += 1


class Returning(Saying):
    """An adapter whose author forgot to yield."""

    run: Any = None

    def __init__(self) -> None:
        self.run = self._run

    async def _run(self, job: Job) -> Finished:
        return DONE


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def seen(adapter: Adapter) -> list[object]:
    return [one async for one in observed(adapter, JOB)]


async def complaint(adapter: Adapter) -> str:
    with pytest.raises(AdapterError) as caught:
        await seen(adapter)
    return str(caught.value)


async def test_a_good_adapter_passes_through() -> None:
    says = (Shown(text="He"), Noticed(what="recovering"), Cleared(), Shown(text="Hello"), DONE)
    assert await seen(Saying(*says)) == list(says)


async def test_an_adapter_that_raises_is_named_with_its_error() -> None:
    assert await complaint(Saying(ValueError("no such model"))) == ("adapter 'saying' raised ValueError: no such model")


async def test_the_error_of_an_adapter_keeps_its_cause() -> None:
    cause = ValueError("no such model")
    with pytest.raises(AdapterError) as caught:
        await seen(Saying(Shown(text="He"), cause))
    assert caught.value.__cause__ is cause


async def test_what_was_observed_before_the_error_is_passed_on() -> None:
    async with aclosing(observed(Saying(Shown(text="He"), ValueError("later")), JOB)) as observations:
        assert await anext(observations) == Shown(text="He")
        with pytest.raises(AdapterError, match="raised ValueError: later"):
            await anext(observations)


async def test_a_timeout_inside_an_adapter_is_its_own_and_not_the_harnesss() -> None:
    assert "raised TimeoutError" in await complaint(Saying(TimeoutError("pool")))


@pytest.mark.parametrize("says", [(), (Shown(text="He"),), (Cleared(),)])
async def test_an_adapter_that_never_finishes_is_told_to_say_how_it_ended(says: tuple[object, ...]) -> None:
    assert "stopped without Finished: it must say how the call ended" in await complaint(Saying(*says))


@pytest.mark.parametrize("late", [Shown(text="!"), DONE, Noticed(what="retrying")])
async def test_nothing_may_be_observed_after_finished(late: object) -> None:
    assert f"observed {type(late).__name__} after Finished" in await complaint(Saying(DONE, late))


@pytest.mark.parametrize("junk", [None, 42, "text", {"saw": "shown"}, Shown, Cancelled(), AdapterFailed(why="me")])
async def test_what_is_no_observation_is_shown(junk: object) -> None:
    assert f"yielded {junk!r}, which is no observation" in await complaint(Saying(junk, DONE))


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
async def test_an_adapter_that_returns_instead_of_yielding_is_not_accused_of_raising() -> None:
    assert "raised AttributeError" not in await complaint(Returning())


@pytest.mark.parametrize("says", [(DONE,), (42,), (DONE, DONE), (ValueError("broken"),)])
async def test_an_adapter_is_closed_however_it_ends(says: tuple[object, ...]) -> None:
    adapter = Saying(*says)
    with suppress(AdapterError):
        await seen(adapter)
    assert adapter.closed == 1


async def test_an_adapter_whose_call_is_cancelled_is_closed_at_once() -> None:
    adapter = Saying(Shown(text="He"), Shown(text="llo"), DONE)
    async with aclosing(observed(adapter, JOB)) as observations:
        await anext(observations)
    assert adapter.closed == 1


class Clients:
    """Makes clients, which are numbers, and writes down when each is made and closed."""

    def __init__(self) -> None:
        self.log: list[str] = []

    @asynccontextmanager
    async def make(self) -> AsyncGenerator[int, None]:
        number = 1 + sum(line.startswith("made") for line in self.log)
        self.log.append(f"made {number}")
        yield number
        self.log.append(f"closed {number}")

    async def used_by(self, job: Job) -> None:
        async with job.client(self.make) as number:
            self.log.append(f"used {number}")


async def test_a_call_of_its_own_closes_its_client_behind_it() -> None:
    clients = Clients()
    for _ in range(2):
        await clients.used_by(JOB)
    assert clients.log == ["made 1", "used 1", "closed 1", "made 2", "used 2", "closed 2"]


async def test_calls_that_share_a_client_leave_it_open_until_the_last_is_over() -> None:
    clients, kept = Clients(), Kept("c")
    for _ in range(2):
        await clients.used_by(replace(JOB, kept=kept))
    assert clients.log == ["made 1", "used 1", "used 1"]
    await kept.aclose()
    assert clients.log[3:] == ["closed 1"]
