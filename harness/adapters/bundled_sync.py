"""The bundled resilient client without an event loop. Its user reads whole sentences, or the screen beside a sink."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from importlib.metadata import version

from client_under_test import events
from client_under_test.driver_sync import SyncAnswerStream, SyncStreamClient
from harness.adapters.bundled import arguments, delivered, failed, seen
from harness.model import Capability, Job, Observed, Policy


class BundledSyncAdapter:
    """Runs :class:`client_under_test.SyncStreamClient` in a thread of its own for each call."""

    def __init__(self) -> None:
        self.name = "bundled_sync"
        self.version = version("streamproof")
        self.policy = Policy.RECOVER
        self.capabilities = frozenset(Capability)

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Make the call; see :class:`harness.adapter.Adapter`."""
        async with job.client(lambda: _entered(job)) as client:
            stream = client.stream(job.request)
            observed = _read(stream) if job.receiver is None else delivered(stream, job)
            async with aclosing(observed) as observations:
                async for observation in observations:
                    yield observation


@asynccontextmanager
async def _entered(job: Job) -> AsyncGenerator[SyncStreamClient, None]:
    with SyncStreamClient(**arguments(job)) as client:
        yield client


async def _read(stream: SyncAnswerStream) -> AsyncGenerator[Observed, None]:
    """What the user of a loop in a thread sees."""
    loop = asyncio.get_running_loop()
    observed: asyncio.Queue[Observed | None] = asyncio.Queue()

    def tell(observation: Observed | None) -> None:
        loop.call_soon_threadsafe(observed.put_nowait, observation)

    threading.Thread(target=_loop, args=(stream, tell), name="caller", daemon=True).start()
    observation: Observed | None = None
    try:
        while (observation := await observed.get()) is not None:
            yield observation
    finally:
        stream.cancel()
        while observation is not None:
            observation = await observed.get()


def _loop(stream: SyncAnswerStream, tell: Callable[[Observed | None], None]) -> None:
    """Tell what the user sees, and None when the call is over."""
    for observation in _observed(stream, events.Sentence):
        tell(observation)
    tell(None)


def _observed(stream: SyncAnswerStream, shown: type[events.Text] | type[events.Sentence]) -> Iterator[Observed]:
    try:
        for event in stream:
            if (observation := seen(event, shown=shown)) is not None:
                yield observation
    except Exception as error:
        yield failed(error)


def calling(job: Job) -> Iterator[Observed]:
    """Make the call here and now, without any event loop; its user reads pieces of text as they come."""
    with SyncStreamClient(**arguments(job)) as client, client.stream(job.request) as stream:
        yield from _observed(stream, events.Text)


ADAPTER = BundledSyncAdapter()
