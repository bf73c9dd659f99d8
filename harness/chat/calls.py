"""Where a call of the chat goes: to our own server with its story, or through our proxy to a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol, Self

import msgspec

from fake_server.clock import Clock, SystemClock
from fake_server.record import Ended, Replied, Requested, ServerRecord
from harness import again
from harness.chat.menu import HEALTHY
from harness.chat.pace import before_a_real_server, for_people
from harness.errors import UsageError
from harness.history import Record
from harness.lateness import Lateness, Watch
from harness.live import LiveRunner
from harness.model import ClientRecord, Job, Policy, Scenario
from harness.plan import MAX_ATTEMPTS, PlannedCase
from harness.proxy import chaos
from harness.proxy.passed import Passed
from harness.proxy.server import Proxy
from harness.proxy.upstream import Upstream

Hear = Callable[[ServerRecord], object]


class Call(Protocol):
    """A call that can be made."""

    record: Record
    """All sides, when it is over."""

    @property
    def job(self) -> Job | None:
        """What the client is to do; None when its network could not be set up."""
        ...

    @property
    def seen(self) -> list[ClientRecord]:
        """What its user sees, to be filled."""
        ...

    def now(self) -> float:
        """Seconds since it began."""
        ...

    def lost(self) -> float:
        """Seconds of them in which this machine was not there for it."""
        ...


class Speaker(Protocol):
    """Whoever answers."""

    name: str
    """As the page calls it."""
    key: str
    """What must never be told; empty when there is nothing."""

    def can(self, scenario: Scenario) -> bool:
        """Whether this can go wrong in an answer of its."""
        ...

    def planned(self, case: PlannedCase, message: str) -> PlannedCase:
        """The case as it is asked here, for a person who wrote ``message``."""
        ...

    def again(self, case: PlannedCase) -> str:
        """The command that has the same bytes again; empty where nobody can say them again."""
        ...

    def call(self, case: PlannedCase, token: str, hear: Hear) -> AbstractAsyncContextManager[Call]:
        """Let somebody make the call while the block runs; afterwards its ``record`` is complete.

        Args:
            token: a name that no other call has.
            hear: is told what the server does, as it happens.
        """
        ...


class Story:
    """Our own server, whose answer is a story that describes itself."""

    key = ""

    def __init__(self, runner: LiveRunner, pace: float) -> None:
        self.name = "a server of ours"
        self._runner, self._pace = runner, pace

    def can(self, scenario: Scenario) -> bool:
        """All of the catalogue."""
        return True

    def planned(self, case: PlannedCase, message: str) -> PlannedCase:
        """The same bytes, at a pace that can be watched."""
        return replace(case, scenario=for_people(case.scenario, message, pace=self._pace))

    def again(self, case: PlannedCase) -> str:
        """All of it depends on the seed alone."""
        return again.replay(case.id)

    @asynccontextmanager
    async def call(self, case: PlannedCase, token: str, hear: Hear) -> AsyncGenerator[Call, None]:
        """See :class:`Speaker`."""
        async with self._runner.opened(case, token) as opened:
            keep = opened.script.sink

            def both(record: ServerRecord) -> None:
                keep(record)
                hear(record)

            opened.script.sink = both
            yield opened


class Real:
    """A real server, whose answers are struck on their way through a proxy of ours.

    Args:
        upstream: its base URL, without ``/v1``.
        key: of its API. It is in the requests to it, and nowhere else.
        model: that is asked.

    Raises:
        UsageError: the URL is none of a server.
    """

    def __init__(self, upstream: str, key: str, model: str) -> None:
        self._upstream = Upstream(upstream)
        self.name, self.key, self._model = self._upstream.name, key, model
        self._clock = SystemClock()
        self._lateness = Lateness(self._clock)

    async def __aenter__(self) -> Self:
        self._lateness.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._lateness.stop()
        await self._upstream.__aexit__(*exc)

    @property
    def late(self) -> float:
        """Seconds of the last one that the event loop came late."""
        return self._lateness.lately

    def can(self, scenario: Scenario) -> bool:
        """What is about the answer, and not about what a model says, nor about the network."""
        return can_strike(scenario)

    def planned(self, case: PlannedCase, message: str) -> PlannedCase:
        """Judged by what holds for any client: it may give up, and must not lie."""
        scenario = before_a_real_server(case.scenario, message, self._model)
        return replace(case, scenario=scenario, policy=Policy.BEST_EFFORT)

    def again(self, case: PlannedCase) -> str:
        """No model says the same twice."""
        return ""

    @asynccontextmanager
    async def call(self, case: PlannedCase, token: str, hear: Hear) -> AsyncGenerator[Call, None]:
        """See :class:`Speaker`. Each call has a proxy of its own, so both clients meet the faults from the first."""
        with self._lateness.watched() as watch:
            call = _Proxied(self._clock, watch, hear)
            async with self._proxy(case, call) as proxy:
                call.job = self._job(case, proxy.port)
                yield call
                await call.quiet(case.scenario.limits.close)
        call.record = call.told(case)

    def _proxy(self, case: PlannedCase, call: _Proxied) -> Proxy:
        done = _chaos(case.scenario)
        return Proxy(
            self._upstream, done, seed=case.seed, sink=call.take, warn=_quiet, keep=call.keep, clock=self._clock
        )

    def _job(self, case: PlannedCase, port: int) -> Job:
        return Job(
            base_url=f"http://127.0.0.1:{port}",
            api_key=self.key,
            request=case.request(),
            limits=case.scenario.limits,
            max_attempts=MAX_ATTEMPTS,
            seed=case.text_seed,
        )


class _Proxied:
    """A call through a proxy, and what was seen of it."""

    record: Record

    def __init__(self, clock: Clock, watch: Watch, hear: Hear) -> None:
        self._clock, self._watch, self._hear = clock, watch, hear
        self._start = clock.now()
        self._server: list[ServerRecord] = []
        self._asked: dict[int, dict[str, Any]] = {}
        self._open: set[int] = set()
        self._closed = asyncio.Event()
        self.job: Job | None = None
        self.seen: list[ClientRecord] = []

    def now(self) -> float:
        return self._clock.now() - self._start

    def lost(self) -> float:
        return self._watch.in_all

    def take(self, record: ServerRecord) -> None:
        """Keep what the proxy did."""
        if isinstance(record, Replied):
            record = msgspec.structs.replace(record, step=record.attempt)  # each request meets a step of its own
        self._server.append(record)
        self._hear(record)
        if isinstance(record, Requested):
            self._open.add(record.attempt)
        elif isinstance(record, Ended):
            self._open.discard(record.attempt)
            self._closed.set()

    def keep(self, passed: Passed) -> None:
        """Keep what was asked: the proxy's own record of a request has no body."""
        self._asked[passed.number] = passed.asked

    async def quiet(self, limit: float) -> None:
        """Give the client ``limit`` seconds to close what it has no more use for."""
        try:
            async with asyncio.timeout(limit):
                while self._open:
                    self._closed.clear()
                    await self._closed.wait()
        except TimeoutError:
            return  # the proxy stops, and writes down that they were still open

    def told(self, case: PlannedCase) -> Record:
        """The history of both sides; nobody knows the text beforehand."""
        return Record(
            info=msgspec.structs.replace(case.info(), texts=()),
            server=tuple(map(self._whole, self._server)),
            client=tuple(self.seen),
            lag=round(self._watch.worst, 3),
            lost=round(self._watch.within_one_second, 3),
        )

    def _whole(self, record: ServerRecord) -> ServerRecord:
        if not isinstance(record, Requested):
            return record
        return msgspec.structs.replace(record, body=self._asked.get(record.attempt, {}))


def _quiet(line: str) -> None:
    """What the proxy would print is in the record, too."""


def can_strike(scenario: Scenario) -> bool:
    """Whether what goes wrong in it can go wrong in an answer of a real server."""
    try:
        return _chaos(scenario) is not None
    except UsageError:
        return False


def _chaos(scenario: Scenario) -> chaos.Chaos:
    """What is done to a real answer.

    Raises:
        UsageError: the scenario is about something else than faults of answers.
    """
    return chaos.Chaos(name=HEALTHY) if scenario.id == HEALTHY else chaos.of_scenario(scenario)
