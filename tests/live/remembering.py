"""A client that is broken on purpose: something of each call is left in it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx

from harness.model import Capability, ErrorSeen, Finished, Job, Observed, Outcome, Policy, Shown


class Remembers:
    """A loop whose buffer belongs to the client and not to the call."""

    def __init__(self) -> None:
        self.buffer = b""
        self.calls = 0

    async def pieces(self, job: Job) -> AsyncGenerator[str, None]:
        self.calls += 1
        body, headers = {**job.request, "stream": True}, {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        async with (
            httpx.AsyncClient(timeout=1) as http,
            http.stream("POST", f"{job.base_url}/v1/messages", json=body, headers=headers) as response,
        ):
            async for chunk in response.aiter_raw():
                self.buffer += chunk
                while b"\n" in self.buffer:
                    line, _, self.buffer = self.buffer.partition(b"\n")
                    if line.startswith(b"data: "):
                        yield json.loads(line[6:]).get("delta", {}).get("text", "")


class RemembersAdapter:
    name, version, policy = "remembers", "1", Policy.BEST_EFFORT
    capabilities = frozenset({Capability.REUSE})
    made: list[Remembers] = []  # noqa: RUF012

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        @asynccontextmanager
        async def make() -> AsyncGenerator[Remembers, None]:
            self.made.append(Remembers())
            yield self.made[-1]

        async with job.client(make) as client:
            try:
                async for piece in client.pieces(job):
                    yield Shown(text=piece)
            except (httpx.HTTPError, ValueError) as error:
                yield Finished(outcome=Outcome.FAILED, error=ErrorSeen(name="Broken", message=str(error), typed=True))
            else:
                yield Finished(outcome=Outcome.COMPLETE)


remembers = RemembersAdapter()


class AsksLate(RemembersAdapter):
    """Its first call asks nobody."""

    name = "asks_late"

    def __init__(self) -> None:
        self.calls = 0

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        self.calls += 1
        if self.calls % 2:  # of every case that has a call before
            yield Finished(outcome=Outcome.COMPLETE)
            return
        async for one in super().run(job):
            yield one


asks_late = AsksLate()
