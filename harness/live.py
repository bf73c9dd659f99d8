"""Runs cases on real sockets: any client against the scripted server, many cases at once on one event loop.

The call of a case is made by its adapter (:meth:`LiveRunner.run`), or by whoever opens it (:meth:`LiveRunner.opened`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from typing import Self

import msgspec

from fake_server.app import LOOPBACK, Case, FakeServer
from fake_server.clock import Clock, SystemClock
from fake_server.record import ServerRecord
from harness import catalog
from harness.adapter import prepared, starts_anew
from harness.history import Record
from harness.job import job_of, token_of
from harness.kept import Kept
from harness.lateness import Lateness, Watch, frozen_heap
from harness.model import ClientRecord, Endpoint, Job, Scenario
from harness.nemesis import Nemesis, NetworkLayer
from harness.network import NOTHING, NetworkFailed, NetworkRecord
from harness.observing import observe_to_the_end
from harness.plan import PlannedCase
from harness.receiver import ReceiverRecord
from harness.receiving import receiving
from harness.toxiproxy.events import Closed, Left, Opened


class LiveRunner:
    """Owns the server, the network and the dead port; runs one case at a time or a thousand.

    ``toxiproxy`` is the base URL of a Toxiproxy to use; without it there is our own. ``earlier`` gives the scenarios of
    the calls before, by id; by default they are those of the catalogue.
    """

    def __init__(
        self, clock: Clock | None = None, toxiproxy: str = "", earlier: Callable[[str], Scenario] | None = None
    ) -> None:
        self._earlier = earlier or (lambda name: catalog.scenarios()[name])
        self._clock = clock or SystemClock()
        self._network = NetworkLayer(toxiproxy)
        self._server = FakeServer(self._clock)
        self._lateness = Lateness(self._clock)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._server.stop)
            await self._server.start()
            # Bound and never listening: connections are refused, and no other process can take the port.
            self._nobody = stack.enter_context(socket.socket())
            self._nobody.bind((LOOPBACK, 0))
            stack.enter_context(self._network)
            stack.enter_context(frozen_heap())
            self._lateness.start()
            stack.callback(self._lateness.stop)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @property
    def late(self) -> float:
        """Seconds of the last one that the event loop came late."""
        return self._lateness.lately

    async def run(self, case: PlannedCase) -> Record:
        """Run ``case`` to its end, or to its time limit, and return the history of all sides."""
        await prepared(case.adapter)
        async with self.opened(case) as opened:
            if opened.job is not None and case.scenario.before:
                await self._last_of_several(opened, opened.job)
            elif opened.job is not None:
                await observe_to_the_end(case, opened.job, opened.now, opened.seen, opened.lost)
        return opened.record

    async def _last_of_several(self, opened: OpenCase, job: Job) -> None:
        """Let one client make the calls before, at the same address, and then the one that is judged."""
        kept = Kept(opened.token)
        try:
            for nth, case in enumerate(opened.calls):
                if nth:
                    await opened.play_next()
                theirs = replace(job, kept=kept, request=case.request(), limits=case.scenario.limits)
                await observe_to_the_end(case, theirs, opened.now, opened.seen, opened.lost)
        finally:
            await kept.aclose()

    @asynccontextmanager
    async def opened(self, case: PlannedCase, token: str = "") -> AsyncGenerator[OpenCase, None]:
        """Let somebody else make the call of ``case`` while the block runs.

        Args:
            token: of the case in the path; by default its id. Two cases that are open at once have two.

        Yields:
            What the call needs; at the end of the block its ``record`` is complete.
        """
        async with AsyncExitStack() as stack:
            receiver = None
            if case.scenario.receiver is not None:
                receiver = await stack.enter_async_context(receiving(case.scenario.receiver, self._clock))
            nobody = await self._nobody_for(case.scenario.endpoint, stack)
            lateness = stack.enter_context(self._lateness.watched())
            calls = self._calls_of(case)
            nemesis = self._nemesis(calls, token := token or token_of(case))
            opened = OpenCase(calls, token, self._clock, lateness, nemesis)
            script = opened.script
            try:
                if url := await self._begin(opened, nobody, token):
                    opened.job = job_of(case, url, receiver.destination() if receiver is not None else None)
                yield opened
                await self._wait_for_closes(script, nemesis, case.scenario.limits.close)
            finally:
                network = await nemesis.end(script.start) if nemesis is not None else ()
                await self._server.close_case(token)
            received = receiver.records(script.start) if receiver is not None else ()
        opened.record = opened.told(network, received)

    def _calls_of(self, case: PlannedCase) -> list[PlannedCase]:
        """The calls of a case, one after the other; the last one is judged."""
        return [*(replace(case, scenario=self._earlier(name)) for name in case.scenario.before), case]

    async def _nobody_for(self, endpoint: Endpoint, stack: AsyncExitStack) -> socket.socket | None:
        """The address at which nobody answers, for a case that is led there."""
        if endpoint is Endpoint.SILENT:
            return await stack.enter_async_context(_silence())
        return self._nobody if endpoint is Endpoint.REFUSED else None

    async def _begin(self, opened: OpenCase, nobody: socket.socket | None, token: str) -> str:
        """The base URL for the client; empty when its network could not be set up."""
        url = self._server.open_case(token, opened.script)
        if nobody is not None:
            url = f"http://{LOOPBACK}:{nobody.getsockname()[1]}"
        return url if opened.nemesis is None else await self._network_of(opened.nemesis, opened, token)

    def _nemesis(self, calls: Sequence[PlannedCase], token: str) -> Nemesis | None:
        """What breaks the network of these calls, as the first one has it; None where all of them have none."""
        networks = [call.scenario.network for call in calls]
        if not any(networks):
            return None
        upstream = f"{LOOPBACK}:{self._server.port}"
        first, seed = networks[0] or NOTHING, calls[-1].text_seed
        return Nemesis(self._network, token, first, upstream, seed=seed, clock=self._clock)

    async def _network_of(self, nemesis: Nemesis, opened: OpenCase, token: str) -> str:
        """The base URL through the network; empty when there is none."""
        listen = await nemesis.begin()
        opened.follow(nemesis)
        opened.script.start = self._clock.now()
        return f"http://{listen}/case/{token}" if listen is not None else ""

    async def _wait_for_closes(self, case: Case, nemesis: Nemesis | None, limit: float) -> None:
        """Give the client ``limit`` seconds to close what it has no more use for."""
        deadline = self._clock.now() + limit
        if nemesis is not None:
            await nemesis.quiet(limit)
        if case.running:
            await asyncio.wait(list(case.running), timeout=max(0.0, deadline - self._clock.now()))


class _Call:
    """One call of a case, as it was seen on both sides; the last call of a case is the one that is judged."""

    def __init__(self, case: PlannedCase, begins: float) -> None:
        self.case, self.begins, self.start = case, begins, begins
        self.server: list[ServerRecord] = []
        self.client: list[ClientRecord] = []


class OpenCase:
    """A case whose server and network are there, and whose calls are somebody's to make, one after the other.

    Args:
        calls: the one that is judged is the last.
    """

    record: Record
    """All sides, when the case is closed."""

    def __init__(
        self, calls: Sequence[PlannedCase], token: str, clock: Clock, lateness: Watch, nemesis: Nemesis | None
    ) -> None:
        self.calls, self.token, self._clock, self.lateness, self.nemesis = calls, token, clock, lateness, nemesis
        self._made = [_Call(calls[0], float("-inf"))]
        scenario = calls[0].scenario
        self.script = Case(
            script=scenario.script,
            elsewhere=scenario.elsewhere,
            seed=calls[0].text_seed,
            sink=self._made[0].server.append,
        )
        self.job: Job | None = None
        """What the client is to do; None when its network could not be set up."""

    async def play_next(self) -> None:
        """From now on server and network do what the next call says, and what is seen is written down anew.

        What still goes on of an earlier call goes on, and is written where that is.
        """
        self._made[-1].start = self.script.start
        case = self.calls[len(self._made)]
        self._made.append(call := _Call(case, self._clock.now()))
        if self.nemesis is not None:
            await self.nemesis.play(case.scenario.network or NOTHING)
            self.follow(self.nemesis)
        self.script.begin(case.scenario.script, case.text_seed, case.scenario.elsewhere)
        self.script.sink, self.script.start = call.server.append, self._clock.now()

    def follow(self, nemesis: Nemesis) -> None:
        """From now on let the server wait while the network changes after what it does for the call that begins."""

        async def change(record: ServerRecord) -> None:
            if self.script.hold is not change:
                return  # of a reply to an earlier call: its network is gone
            began = self._clock.now()
            try:
                await nemesis.follow(record)
            finally:
                self.lateness.add(self._clock.now() - began)

        self.script.hold = change

    @property
    def seen(self) -> list[ClientRecord]:
        """What the user of the call sees, as it happens: to be filled by whoever makes it."""
        return self._made[-1].client

    @property
    def server(self) -> tuple[ServerRecord, ...]:
        """What the server did and saw of the call up to now."""
        return tuple(self._made[-1].server)

    def now(self) -> float:
        """Seconds since the call began."""
        return self._clock.now() - self.script.start

    def lost(self) -> float:
        """Seconds of them in which this machine was not there for the client, or only started it."""
        return self.lateness.in_all + (self._starting() if starts_anew(self.calls[-1].adapter) else 0.0)

    def _starting(self) -> float:
        """Seconds until the first request came, or until now."""
        server = self._made[-1].server
        return server[0].t if server else self.now()

    def told(self, network: tuple[NetworkRecord, ...], receiver: tuple[ReceiverRecord, ...]) -> Record:
        """The history of all sides.

        Args:
            network: all that it did, in seconds since the last call began.
        """
        *earlier, last = self._made
        last.start = self.script.start
        lanes = [self._lane(nth, network) for nth in range(len(self._made))]
        if last.case.scenario.network is None:
            # Nothing is wrong with the network, and its connections may be of an earlier call: the server's word holds.
            lanes[-1] = tuple(one for one in network if isinstance(one, NetworkFailed))
        return Record(
            info=last.case.info(),
            server=tuple(last.server),
            client=tuple(last.client),
            network=lanes[-1],
            receiver=receiver,
            lag=round(self.lateness.worst, 3),
            lost=round(self.lateness.within_one_second, 3),
            before=tuple(
                Record(info=one.case.info(), server=tuple(one.server), client=tuple(one.client), network=lane)
                for one, lane in zip(earlier, lanes, strict=False)
            ),
        )

    def _lane(self, nth: int, network: tuple[NetworkRecord, ...]) -> tuple[NetworkRecord, ...]:
        """What the network did in the call of that number, in seconds since that began.

        How a connection ended that was opened in it is told with it, whenever that was.
        """
        call, last = self._made[nth], self._made[-1]
        over = self._made[nth + 1].begins if call is not last else float("inf")

        def is_of_it(one: NetworkRecord) -> bool:
            return call.begins <= one.at + last.start < over

        opened = {one.connection for one in network if isinstance(one, Opened) and is_of_it(one)}
        told = (
            one for one in network if is_of_it(one) or (isinstance(one, Left | Closed) and one.connection in opened)
        )
        return tuple(msgspec.structs.replace(one, at=round(one.at + last.start - call.start, 6)) for one in told)


_SILENCE_SECONDS = 0.25
"""On this machine a connection is made at once, or not at all."""


@asynccontextmanager
async def _silence() -> AsyncIterator[socket.socket]:
    """An address that answers no attempt to connect: its queue is full of connections that nobody takes.

    How many those are is for the platform to say, so they are made until one is not answered.
    """
    with ExitStack() as stack:
        address = stack.enter_context(socket.socket())
        address.bind((LOOPBACK, 0))
        address.listen(0)
        while await _is_answered(stack.enter_context(socket.socket()), address):
            pass
        yield address


async def _is_answered(caller: socket.socket, address: socket.socket) -> bool:
    caller.setblocking(False)
    try:
        async with asyncio.timeout(_SILENCE_SECONDS):
            await asyncio.get_running_loop().sock_connect(caller, address.getsockname())
    except TimeoutError:
        return False
    return True
