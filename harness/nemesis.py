"""The network's side of a run: a proxy for each case that needs one, and what its scenario does to it, when.

Everything goes through the driver, so it is the same over our own Toxiproxy and over a real one. What differs is the
proof: ours tells every connection and every byte; of a real one the counters are read.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any, Self, TypeAlias, TypeVar

import msgspec

from fake_server.clock import Clock
from fake_server.record import Requested, ServerRecord
from harness.errors import UsageError
from harness.network import (
    ABANDONED,
    DOWN,
    AfterSeconds,
    AtStart,
    Counted,
    End,
    Lasting,
    Network,
    NetworkFailed,
    NetworkFault,
    NetworkRecord,
    When,
    count_event,
    is_due,
)
from harness.toxiproxy.driver import Proxy, Toxiproxy, ToxiproxyError, Traffic
from harness.toxiproxy.embedded import EmbeddedToxiproxy
from harness.toxiproxy.events import Carried, Closed, Event, Left, Opened, Started, Stopped, ToxicAdded, ToxicRemoved
from harness.toxiproxy.toxic import STREAMS, Stream

T = TypeVar("T")
_Planned: TypeAlias = tuple[When | End, str, NetworkFault, bool]
"""When what begins (True) or ends."""
_POLL_SECONDS = 0.02
_CHANGES = 8
"""Changes of the network at once, of all cases."""
_SET_UPS = 2
"""How many of them may be cases that only begin: a client does not yet wait for these."""


class NetworkLayer:
    """The Toxiproxy of a run: our own, started when it is first needed, or the one at ``url``."""

    def __init__(self, url: str = "") -> None:
        self._url = url
        self._stack = ExitStack()
        self._toxiproxy: Toxiproxy | None = None
        self._lanes: dict[str, list[Event]] = {}
        self._lock = threading.Lock()
        self.threads = ThreadPoolExecutor(_CHANGES, "nemesis")
        """Of its own: in the loop's, a change would wait for clients that keep its threads."""
        self.set_ups = asyncio.Semaphore(_SET_UPS)
        self.is_ours = not url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.threads.shutdown()
        self._stack.close()

    def require(self) -> Toxiproxy:
        """The Toxiproxy, running."""
        if self._toxiproxy is None:
            url = self._url or self._stack.enter_context(EmbeddedToxiproxy(observer=self._observe)).url
            self._toxiproxy = Toxiproxy(url)
        return self._toxiproxy

    def lane(self, proxy: str) -> list[Event] | None:
        """Where the events of a proxy will be; None when this Toxiproxy tells none."""
        if not self.is_ours:
            return None
        with self._lock:
            return self._lanes.setdefault(proxy, [])

    def close_lane(self, proxy: str) -> None:
        """Nobody wants the events of that proxy any more."""
        with self._lock:
            self._lanes.pop(proxy, None)

    def _observe(self, event: Event) -> None:
        with self._lock:
            lane = self._lanes.get(event.proxy)
        if lane is not None:
            lane.append(event)


def check(url: str) -> None:
    """See whether the Toxiproxy at ``url`` can be used.

    Raises:
        UsageError: it does not answer, or shows no metrics.
    """
    toxiproxy = Toxiproxy(url)
    try:
        toxiproxy.version()
    except ToxiproxyError as error:
        raise UsageError(f"{toxiproxy.url} is no Toxiproxy that can be used: {error}") from error
    try:
        toxiproxy.carried("")
    except ToxiproxyError as error:
        needed = "start it with -proxy-metrics; its byte counts are the proof that a fault was delivered"
        raise UsageError(f"Toxiproxy at {toxiproxy.url} shows no metrics: {needed} ({error})") from error


class Nemesis:
    """Breaks the network of one case, as its scenario says; of several calls, as that of each call says."""

    def __init__(
        self, layer: NetworkLayer, name: str, network: Network, upstream: str, *, seed: str, clock: Clock
    ) -> None:
        self._layer, self._name, self._upstream, self._seed, self._clock = layer, name, upstream, seed, clock
        self._faults = list(network.named())
        self._lane = layer.lane(name)
        self._own: list[NetworkRecord] = []
        self._waiting: list[_Planned] = []
        self._events: Counter[tuple[int, str | None]] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._there: dict[str, NetworkFault] = {}
        """The faults that are in their place."""
        self._changing = asyncio.Lock()
        """Changes are made one after the other, in the order of the records that they follow."""
        self._ready = asyncio.Event()
        self._start = 0.0
        """When the network was ready for the client."""
        self._ending = float("inf")
        """When the harness began to take the network away."""
        self._proxy: Proxy | None = None
        self._of_others: dict[Stream, Traffic] = {}
        """What proxies of this name had carried before: a Toxiproxy counts on when one is made anew."""
        self._held: socket.socket | None = None
        """Bound to the port of the proxy while that is down."""

    async def begin(self) -> str | None:
        """Set the network up; returns ``host:port`` for the client, None when it could not be (and that is told)."""
        async with self._layer.set_ups:
            return await self._set_up()

    async def _set_up(self) -> str | None:
        toxiproxy = self._layer.require()
        self._proxy = await self._try(toxiproxy.create, self._name, self._upstream, seed=self._seed)
        if self._proxy is None:
            return None
        if self._lane is None:
            self._of_others = await self._try(toxiproxy.carried, self._name) or {}
        await self._begin_faults()
        return self._proxy.listen

    async def _begin_faults(self) -> None:
        for name, fault in self._faults:
            if isinstance(fault.begins, AtStart):
                await self._change(name, fault, begins=True)
            else:
                self._expect(fault.begins, name, fault, begins=True)
        self._start = self._clock.now()
        self._ready.set()

    async def play(self, network: Network) -> None:
        """Another call begins, and from now on the network is as ``network`` says, whatever it was before.

        The proxy stays, and with it the connections that the client has kept. Records of what the server still does
        for an earlier call must not be followed any more.
        """
        for task in self._tasks:
            task.cancel()
        async with self._changing:
            for name, fault in list(self._there.items()):
                await self._apply(name, fault, begins=False)
        self._faults, self._waiting, self._events = list(network.named()), [], Counter()
        self._ready.clear()
        await self._begin_faults()

    async def follow(self, record: ServerRecord) -> None:
        """The server has seen or sent this: change what is due, and let the server wait for it."""
        count_event(record, self._events)
        due = [one for one in self._waiting if is_due(one[0], record, self._events)]
        for one in due:
            self._waiting.remove(one)
            self._expect_end(*one[1:])
        if due or (self._lane is None and isinstance(record, Requested)):
            # Shielded: the fault may cost the server this very connection, and its task with it.
            await asyncio.shield(self._in_background(self._take_turn(record, due)))

    async def _take_turn(self, record: ServerRecord, due: list[_Planned]) -> None:
        async with self._changing:
            if isinstance(record, Requested):
                await self._count(record.attempt)
            for _, name, fault, begins in due:
                await self._apply(name, fault, begins)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def quiet(self, seconds: float) -> None:
        """Wait until no connection is open any more, but no longer than that."""
        deadline = self._clock.now() + seconds
        while self._open_connections() and self._clock.now() < deadline:
            await self._clock.sleep(_POLL_SECONDS)

    async def end(self, start: float) -> tuple[NetworkRecord, ...]:
        """Take the proxy away and tell all that happened, in seconds since ``start``."""
        for task in self._tasks:
            task.cancel()
        self._ending = self._clock.now()
        async with self._changing:
            if self._proxy is not None:
                await self._try(self._proxy.delete)
                self._release_port()
                await self._count(0)
        self._layer.close_lane(self._name)
        return self.told(start)

    def told(self, start: float) -> tuple[NetworkRecord, ...]:
        """All that happened up to now, in seconds since ``start``."""
        records = sorted([*(self._lane or ()), *self._own], key=lambda one: one.at)
        kept = (_told(one, self._ending) for one in records)
        return tuple(
            msgspec.structs.replace(one, number=number, at=round(one.at - start, 6), proxy="")
            for number, one in enumerate(one for one in kept if one is not None)
        )

    def news(self, place: int, start: float) -> tuple[list[NetworkRecord], int]:
        """What happened behind ``place``, in seconds since ``start``, and the place behind that; the first is 0.

        Of a Toxiproxy that tells nothing there is none.
        """
        events = (self._lane or [])[place:]
        kept = (_told(one, self._ending) for one in events)
        told = [msgspec.structs.replace(one, at=round(one.at - start, 6)) for one in kept if one is not None]
        return told, place + len(events)

    async def by_hand(self, change: Callable[[Proxy], object]) -> None:
        """Let a person change the proxy, in turn with what the scenario changes; a refusal is told in the history.

        Args:
            change: is called in another thread.
        """
        async with self._changing:
            if self._proxy is not None and self._ending == float("inf"):
                await self._try(change, self._proxy)

    def _open_connections(self) -> int:
        """Connections whose client has not closed them, as far as this Toxiproxy tells."""
        open_now: set[int] = set()
        for event in list(self._lane or ()):
            match event:
                case Opened(connection=number):
                    open_now.add(number)
                case Closed(connection=number) | Left(connection=number, side="client"):
                    open_now.discard(number)
                case _:
                    pass
        return len(open_now)

    def _expect(self, when: When | End, name: str, fault: NetworkFault, *, begins: bool) -> None:
        match when:
            case AfterSeconds() | Lasting():
                self._in_background(self._later(when, name, fault, begins))
            case _:
                self._waiting.append((when, name, fault, begins))

    def _expect_end(self, name: str, fault: NetworkFault, begins: bool) -> None:
        """What ends a fault may come while it is put in its place; only a duration counts from when it is there."""
        if begins and fault.ends is not None and not isinstance(fault.ends, Lasting):
            self._expect(fault.ends, name, fault, begins=False)

    async def _later(self, when: AfterSeconds | Lasting, name: str, fault: NetworkFault, begins: bool) -> None:
        seconds = when.seconds
        if isinstance(when, AfterSeconds):
            await self._ready.wait()
            seconds -= self._clock.now() - self._start
        await self._clock.sleep(max(0.0, seconds))
        await self._change(name, fault, begins)

    async def _change(self, name: str, fault: NetworkFault, begins: bool) -> None:
        self._expect_end(name, fault, begins)
        async with self._changing:
            await self._apply(name, fault, begins)

    async def _apply(self, name: str, fault: NetworkFault, begins: bool) -> None:
        """Put a fault in its place, or take it away."""
        assert self._proxy is not None
        if begins:
            self._there[name] = fault
        else:
            self._there.pop(name, None)
        if fault.type == DOWN:
            await self._try(self._proxy.update, enabled=not begins)
            self._release_port()
            if begins:
                self._hold_port(self._proxy.listen)
            self._tell(Stopped if begins else Started, **({} if begins else {"listen": self._proxy.listen}))
        elif begins:
            settings = {"stream": fault.stream, "toxicity": fault.toxicity, "name": name}
            await self._try(self._proxy.add, fault.type, fault.attributes, **settings)
            self._tell(ToxicAdded, toxic=name, type=fault.type, stream=fault.stream)
        else:
            await self._try(self._proxy.remove, name)
            self._tell(ToxicRemoved, toxic=name)
        if begins and isinstance(fault.ends, Lasting):
            self._expect(fault.ends, name, fault, begins=False)

    def _hold_port(self, listen: str) -> None:
        """Keep others from the port of a proxy that is down: the next proxy may be given it, and answer this client.

        Nobody listens there, so connections are refused; the proxy can listen again all the same.
        """
        host, _, port = listen.rpartition(":")
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._held.bind((host, int(port)))
        except OSError as error:
            why = f"the port of {listen} could not be kept while the network is down: {error.strerror}"
            self._own.append(NetworkFailed(at=self._clock.now(), proxy=self._name, why=why))

    def _release_port(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    async def _try(self, action: Callable[..., T], *args: Any, **more: Any) -> T | None:
        try:
            work = partial(action, *args, **more)
            return await asyncio.get_running_loop().run_in_executor(self._layer.threads, work)
        except ToxiproxyError as error:
            self._own.append(NetworkFailed(at=self._clock.now(), proxy=self._name, why=str(error)))
            return None

    def _tell(self, event: type[Any], **fields: Any) -> None:
        """Write down what was done to a Toxiproxy that does not tell it itself."""
        if self._lane is None:
            self._own.append(event(at=self._clock.now(), proxy=self._name, **fields))

    async def _count(self, attempt: int) -> None:
        """Read the counters of a Toxiproxy that tells nothing else."""
        if self._lane is not None:
            return
        counts = await self._try(self._layer.require().carried, self._name)
        if counts is not None:
            up, down = (counts[way] - self._of_others.get(way, Traffic()) for way in STREAMS)
            self._own.append(
                Counted(
                    at=self._clock.now(),
                    proxy=self._name,
                    attempt=attempt,
                    upstream_received=up.received,
                    upstream_sent=up.sent,
                    downstream_received=down.received,
                    downstream_sent=down.sent,
                )
            )


def _told(event: Any, ending: float) -> NetworkRecord | None:
    """The event as it stands in a history: what the harness itself did at the end is not the network's doing."""
    if event.at < ending:
        return None if isinstance(event, Carried) and event.stream == "upstream" else event
    if isinstance(event, Closed):
        return msgspec.structs.replace(event, how=ABANDONED) if event.how == "stopped" else event
    return event if isinstance(event, Counted | NetworkFailed) else None
