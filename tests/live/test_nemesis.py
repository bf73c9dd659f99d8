"""What breaks the network of a case, at each moment that a scenario can name, and what is written down of it."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from live.answering import answering, http
from live.running import STREAMPROOF
from live.test_toxiproxy_driver import exchange
from live.toxiproxies import SERVER, free_port, running

from fake_server.answer import Answer
from fake_server.clock import SystemClock
from fake_server.record import Ended, Requested, Sent, ServerRecord
from fake_server.script import script
from harness import catalog, engine
from harness.errors import UsageError
from harness.events import CaseFinished
from harness.history import Record
from harness.live import LiveRunner
from harness.model import Expect, Finished, Outcome, Scenario
from harness.nemesis import Nemesis, NetworkLayer, check
from harness.network import (
    ABANDONED,
    AfterBytes,
    AfterEvents,
    AfterReply,
    AfterSeconds,
    AtAttempt,
    Counted,
    Lasting,
    Network,
    NetworkFailed,
    NetworkFault,
    NetworkRecord,
    When,
    down,
    network,
    toxic,
)
from harness.plan import PlannedCase
from harness.toxiproxy.driver import Toxiproxy
from harness.toxiproxy.embedded import EmbeddedToxiproxy
from harness.toxiproxy.events import (
    Carried,
    Closed,
    Event,
    Left,
    Opened,
    Started,
    Stopped,
    Struck,
    ToxicAdded,
    ToxicRemoved,
)
from harness.verdict import Verdict

NAME = "case"
PATIENCE = 20.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# ---- one nemesis, and a server that only says that it did something --------------------------------------------------


class Virtual:
    """A clock that goes on only when somebody sleeps, and who sleeps is woken by hand."""

    def __init__(self) -> None:
        self.t = time.monotonic()
        self.sleeping: list[tuple[float, asyncio.Event]] = []
        self.wakes_at_once = False

    def now(self) -> float:
        return self.t

    def wall(self) -> float:
        return self.t

    async def sleep(self, seconds: float) -> None:
        if self.wakes_at_once:
            return await asyncio.sleep(0)
        wake = asyncio.Event()
        self.sleeping.append((seconds, wake))
        await wake.wait()
        return None

    def wake(self) -> None:
        """The time of everybody who sleeps has come."""
        for _, wake in self.sleeping:
            wake.set()


@dataclass
class Broken:
    """The network of one case, being broken."""

    layer: NetworkLayer
    nemesis: Nemesis
    clock: Virtual
    listen: str | None

    @property
    def toxics(self) -> list[str]:
        return list(self.layer.require().proxy(NAME).toxics())

    @property
    def is_up(self) -> bool:
        return self.layer.require().proxy(NAME).enabled

    @property
    def lane(self) -> list[Event]:
        """What our own Toxiproxy has told so far."""
        return list(self.layer.lane(NAME) or ())

    def has(self, kind: type[Event]) -> bool:
        return any(isinstance(one, kind) for one in self.lane)

    async def follow(self, *records: ServerRecord) -> None:
        for record in records:
            await self.nemesis.follow(record)

    async def end(self) -> tuple[NetworkRecord, ...]:
        self.clock.t = time.monotonic()
        return await self.nemesis.end(self.clock.t)


@asynccontextmanager
async def broken(
    *faults: NetworkFault, upstream: str = "127.0.0.1:1", url: str = "", seed: str = "1"
) -> AsyncIterator[Broken]:
    clock = Virtual()
    with NetworkLayer(url) as layer:
        nemesis = Nemesis(layer, NAME, Network(faults=faults), upstream, seed=seed, clock=clock)
        listen = await nemesis.begin()
        yield Broken(layer, nemesis, clock, listen)
        await nemesis.end(0.0)


@pytest.fixture
def foreign() -> Iterator[str]:
    """The URL of a Toxiproxy that is not ours: nobody tells us its events."""
    with EmbeddedToxiproxy() as server:
        yield server.url


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if holds():
                return
            await asyncio.sleep(0)


def requested(attempt: int) -> Requested:
    return Requested(t=0.0, attempt=attempt, method="POST", path="/", headers={}, body={}, streams=True)


def sent(total: int, *, event: str | None = None, attempt: int = 1) -> Sent:
    return Sent(t=0.0, attempt=attempt, data=b"x", size=1, total=total, event=event)


def ended(attempt: int) -> Ended:
    return Ended(t=0.0, attempt=attempt, how="end", total=0)


@dataclass(frozen=True)
class Told:
    """A moment, records that are not it, and the one that is."""

    when: Any
    before: tuple[ServerRecord, ...]
    at: ServerRecord


TOLD = {
    "attempt": Told(AtAttempt(2), (requested(1), sent(900, attempt=2), ended(2)), requested(2)),
    "a_later_attempt": Told(AtAttempt(2), (requested(1),), requested(3)),
    "bytes": Told(AfterBytes(100), (requested(1), sent(99), sent(100, attempt=2)), sent(100)),
    "bytes_of_a_retry": Told(AfterBytes(100, 2), (sent(100), sent(99, attempt=2)), sent(500, attempt=2)),
    "events": Told(AfterEvents(2), (sent(1, event="a"), sent(2), sent(3, event="b", attempt=2)), sent(4, event="b")),
    "named_events": Told(
        AfterEvents(2, "ping"),
        (sent(1, event="a"), sent(2, event="ping"), sent(3, event="ping", attempt=2), sent(4, event="a")),
        sent(5, event="ping"),
    ),
    "events_of_a_retry": Told(
        AfterEvents(1, "ping", 2),
        (sent(1, event="ping"), sent(1, event="a", attempt=2)),
        sent(1, event="ping", attempt=2),
    ),
    "reply": Told(AfterReply(), (requested(1), sent(9), ended(2), requested(2)), ended(1)),
}


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD)
async def test_a_fault_begins_at_its_moment_and_not_before(told: Told) -> None:
    async with broken(toxic("latency", begins=told.when)) as here:
        await here.follow(*told.before)
        assert here.toxics == []
        await here.follow(told.at)
        assert here.toxics == ["latency_downstream"]


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD)
async def test_a_fault_ends_at_its_moment_and_not_before(told: Told) -> None:
    async with broken(toxic("latency", ends=told.when)) as here:
        await here.follow(*told.before)
        assert here.toxics == ["latency_downstream"]
        await here.follow(told.at)
        assert here.toxics == []


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD)
async def test_a_fault_begins_and_ends_once(told: Told) -> None:
    async with broken(toxic("latency", begins=told.when, ends=AtAttempt(9))) as here:
        await here.follow(*told.before, told.at, requested(9), told.at, told.at)
        assert here.toxics == []


async def test_a_fault_from_the_start_is_there_before_the_client() -> None:
    async with broken(toxic("latency", latency=5, toxicity=0.5, stream="upstream")) as here:
        (placed,) = here.layer.require().proxy(NAME).toxics().values()
        assert (placed.name, placed.type, placed.stream) == ("latency_upstream", "latency", "upstream")
        assert (placed.attributes, placed.toxicity) == ({"latency": 5, "jitter": 0}, 0.5)


async def test_equal_faults_have_names_of_their_own() -> None:
    async with broken(toxic("noop"), toxic("noop", ends=AtAttempt(1))) as here:
        assert here.toxics == ["noop_downstream", "noop_downstream_2"]
        await here.follow(requested(1))
        assert here.toxics == ["noop_downstream"]


async def test_several_faults_may_change_at_one_moment() -> None:
    async with broken(toxic("noop", ends=AtAttempt(1)), toxic("latency", begins=AtAttempt(1)), toxic("slicer")) as here:
        await here.follow(requested(1))
        assert sorted(here.toxics) == ["latency_downstream", "slicer_downstream"]


async def test_the_way_is_down_and_up_again_at_the_same_address() -> None:
    async with broken(down(begins=AtAttempt(1), ends=AtAttempt(2))) as here:
        assert here.is_up
        await here.follow(requested(1))
        assert not here.is_up
        await here.follow(requested(2))
        assert here.is_up
        assert here.layer.require().proxy(NAME).listen == here.listen


@pytest.mark.parametrize("own", [True, False], ids=["embedded", "foreign"])
async def test_while_the_way_is_down_nobody_else_is_given_its_port(own: bool, foreign: str) -> None:
    """Else the proxy of another case would answer this client."""
    async with broken(down(ends=AtAttempt(2)), url="" if own else foreign) as here:
        assert here.listen is not None
        host, _, port = here.listen.rpartition(":")
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((host, int(port)))
        with socket.socket() as client, pytest.raises(ConnectionRefusedError):
            client.connect((host, int(port)))
        await here.follow(requested(1), requested(2))
        with socket.create_connection((host, int(port)), timeout=5):
            pass


async def test_when_another_call_begins_the_network_is_as_that_one_has_it() -> None:
    faults = (toxic("noop"), toxic("slicer", begins=AtAttempt(1)), toxic("latency", begins=AtAttempt(2)), down())
    async with broken(*faults, toxic("noop", begins=AfterSeconds(5))) as here:
        await here.follow(requested(1))
        assert (here.toxics, here.is_up) == (["noop_downstream", "slicer_downstream"], False)
        await here.nemesis.play(network(toxic("bandwidth"), toxic("stall", begins=AtAttempt(1))))
        here.clock.wake()
        assert (here.toxics, here.is_up) == (["bandwidth_downstream"], True)
        await here.follow(requested(2))
        assert here.toxics == ["bandwidth_downstream", "stall_downstream"]
        await here.nemesis.play(network())
        assert here.toxics == []
        assert here.layer.require().proxy(NAME).listen == here.listen


async def test_a_fault_begins_so_long_after_the_case() -> None:
    async with broken(toxic("latency", begins=AfterSeconds(5))) as here:
        await until(lambda: [seconds for seconds, _ in here.clock.sleeping] == [5])
        assert here.toxics == []
        here.clock.wake()
        await until(lambda: here.toxics == ["latency_downstream"])


async def test_a_fault_lasts_so_long_from_its_own_beginning() -> None:
    async with broken(toxic("latency", begins=AtAttempt(1), ends=Lasting(5))) as here:
        here.clock.t += 3
        await here.follow(requested(1))
        await until(lambda: [seconds for seconds, _ in here.clock.sleeping] == [5])
        assert here.toxics == ["latency_downstream"]
        here.clock.wake()
        await until(lambda: here.toxics == [])


async def test_a_time_after_the_start_is_one_whenever_the_fault_began() -> None:
    async with broken(toxic("latency", begins=AtAttempt(1), ends=AfterSeconds(5))) as here:
        here.clock.t += 3
        await here.follow(requested(1))
        await until(lambda: len(here.clock.sleeping) == 1)
        assert here.clock.sleeping[0][0] == pytest.approx(2)


async def test_a_time_that_is_over_comes_at_once() -> None:
    async with broken(toxic("latency", begins=AtAttempt(1), ends=AfterSeconds(5))) as here:
        here.clock.t += 9
        await here.follow(requested(1))
        await until(lambda: len(here.clock.sleeping) == 1)
        assert here.clock.sleeping[0][0] == 0


async def test_a_time_after_the_start_counts_from_when_all_of_the_network_is_there() -> None:
    async with broken(toxic("noop", ends=AfterSeconds(5)), toxic("latency")) as here:
        await until(lambda: [seconds for seconds, _ in here.clock.sleeping] == [5])


async def test_the_time_to_set_up_a_network_is_no_time_of_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Virtual()
    with NetworkLayer() as layer:
        create = layer.require().create

        def slow(*args: Any, **more: Any) -> Any:
            clock.t += 7
            return create(*args, **more)

        monkeypatch.setattr(layer.require(), "create", slow)
        faults = network(toxic("noop", begins=AfterSeconds(5)))
        nemesis = Nemesis(layer, NAME, faults, "127.0.0.1:1", seed="1", clock=clock)
        await nemesis.begin()
        await until(lambda: [seconds for seconds, _ in clock.sleeping] == [5])
        await nemesis.end(0.0)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(("when", "at"), [(AtAttempt(1), requested(1)), (AfterEvents(1), sent(1, event="a"))])
@pytest.mark.parametrize("turns", [1, 2, 3])
async def test_the_end_of_a_fault_that_comes_while_it_begins_is_not_missed(
    own: bool, when: When, at: ServerRecord, turns: int, foreign: str
) -> None:
    async with broken(toxic("latency", begins=when, ends=AtAttempt(2)), url="" if own else foreign) as here:
        begins = asyncio.create_task(here.follow(at))
        for _ in range(turns):
            await asyncio.sleep(0)
        await here.follow(requested(2))
        await begins
        assert here.toxics == []


@pytest.mark.parametrize("own", [True, False])
async def test_a_fault_that_is_over_before_it_began_leaves_nothing(own: bool, foreign: str) -> None:
    fault = toxic("latency", begins=AtAttempt(1), ends=AfterSeconds(5))
    async with broken(fault, url="" if own else foreign) as here:
        here.clock.t += 9
        here.clock.wakes_at_once = True
        await here.follow(requested(1))
        await until(lambda: here.toxics == [])
        assert failures(await here.end()) == []


async def test_a_fault_that_costs_the_server_its_connection_is_put_in_place_and_ends_all_the_same() -> None:
    async with broken(down(begins=AtAttempt(1), ends=Lasting(5))) as here:
        server = asyncio.create_task(here.follow(requested(1)))
        await asyncio.sleep(0)
        server.cancel()
        with suppress(asyncio.CancelledError):
            await server
        await until(lambda: not here.is_up)
        await until(lambda: len(here.clock.sleeping) == 1)
        here.clock.wake()
        await until(lambda: here.is_up)


async def test_the_server_waits_until_the_network_has_changed() -> None:
    async with broken(toxic("latency", begins=AtAttempt(1))) as here:
        server = asyncio.create_task(here.follow(requested(1)))
        await until(server.done)
        assert here.toxics == ["latency_downstream"]


# ---- what is told at the end -----------------------------------------------------------------------------------------


@pytest.fixture
def upstream() -> Iterator[str]:
    with answering(http("hello")) as url:
        yield url.removeprefix("http://")


def kinds(records: tuple[NetworkRecord, ...]) -> list[type]:
    return [type(one) for one in records]


async def ask(here: Broken) -> bytes:
    return await asyncio.to_thread(exchange, here.layer.require().proxy(NAME), b"GET /\r\n\r\n")


async def test_the_seed_of_a_case_decides_its_dice(upstream: str) -> None:
    seen = []
    for seed in ("1", "1", "2"):
        async with broken(toxic("corrupt", probability=0.5), upstream=upstream, seed=seed) as here:
            seen.append(await ask(here))
    assert seen[0] == seen[1] != seen[2]


async def test_all_that_happened_is_told_in_order(upstream: str) -> None:
    async with broken(toxic("latency", ends=AtAttempt(1)), upstream=upstream) as here:
        await ask(here)
        await until(lambda: here.has(Closed))
        await here.follow(requested(1))
        records = await here.end()
    assert kinds(records) == [Started, ToxicAdded, Opened, Struck, Carried, Left, Closed, ToxicRemoved]
    assert [one.number for one in records] == list(range(8))
    assert [one.at for one in records] == sorted(one.at for one in records)
    assert all(one.at <= 0 for one in records)  # the end was taken for the start here
    assert {one.proxy for one in records} == {""}
    (piece,) = (one for one in records if isinstance(one, Carried))
    assert (piece.stream, piece.data) == ("downstream", http("hello"))


async def test_what_happens_at_the_end_is_nobodys_fault(upstream: str) -> None:
    async with broken(upstream=upstream) as here:
        assert here.listen is not None
        host, _, port = here.listen.rpartition(":")
        with socket.create_connection((host, int(port))) as client:
            await until(lambda: here.has(Opened))
            records = await here.end()
            assert client.recv(1) == b""
    assert kinds(records) == [Started, Opened, Closed]
    assert records[-1] == replace_how(records[-1], ABANDONED)


def replace_how(record: NetworkRecord, how: str) -> NetworkRecord:
    assert isinstance(record, Closed)
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    return Closed(**{**fields, "how": how})


async def test_the_proxy_is_gone_at_the_end() -> None:
    async with broken(toxic("noop")) as here:
        await here.end()
        assert here.layer.require().proxies() == {}


async def test_nothing_changes_after_the_end() -> None:
    before = asyncio.all_tasks()
    async with broken(toxic("latency", begins=AfterSeconds(5)), down(ends=Lasting(5))) as here:
        await until(lambda: len(here.clock.sleeping) == 2)
        records = await here.end()
        here.clock.wake()
        await asyncio.sleep(0)
        assert kinds(records) == [Started, Stopped]
        assert asyncio.all_tasks() == before


async def test_a_change_that_is_under_way_at_the_end_does_no_harm() -> None:
    async with broken(down(begins=AtAttempt(1))) as here:
        server = asyncio.create_task(here.follow(requested(1)))
        await asyncio.sleep(0)
        records = await here.end()
        await asyncio.wait({server})
        assert not any(isinstance(one, NetworkFailed) for one in records)
        assert here.layer.require().proxies() == {}


async def test_a_connection_that_its_client_closed_is_not_waited_for(upstream: str) -> None:
    async with broken(upstream=upstream) as here:
        await ask(here)
        await until(lambda: here.has(Closed))
        await here.nemesis.quiet(PATIENCE)
        assert here.clock.sleeping == []


async def test_a_connection_that_stays_open_is_waited_for_no_longer_than_that(upstream: str) -> None:
    async with broken(upstream=upstream) as here:
        assert here.listen is not None
        host, _, port = here.listen.rpartition(":")
        with socket.create_connection((host, int(port))):
            await until(lambda: here.has(Opened))
            waiting = asyncio.create_task(here.nemesis.quiet(1.0))
            await until(lambda: len(here.clock.sleeping) == 1)
            assert not waiting.done()
            here.clock.t += 2
            here.clock.wake()
            await waiting


async def test_a_case_that_is_over_is_followed_no_more() -> None:
    async with broken() as here:
        assert here.has(Started)
        await here.end()
        await asyncio.to_thread(here.layer.require().create, "another", "127.0.0.1:1")
        assert here.layer.lane("another") == here.lane == []


async def test_the_run_has_one_toxiproxy_of_its_own() -> None:
    with NetworkLayer() as layer:
        assert layer.is_ours
        assert layer.require() is layer.require()
        url = layer.require().url
    with pytest.raises(UsageError, match="does not answer"):
        check(url)


# ---- a Toxiproxy that tells nothing ----------------------------------------------------------------------------------


async def test_what_is_done_to_a_toxiproxy_of_others_is_told_and_its_bytes_are_counted(
    foreign: str, upstream: str
) -> None:
    faults = toxic("latency", ends=AtAttempt(2)), down(begins=AtAttempt(2), ends=AtAttempt(3))
    async with broken(*faults, upstream=upstream, url=foreign) as here:
        assert not here.layer.is_ours
        await here.follow(requested(1), sent(9))
        await ask(here)
        counted = Toxiproxy(foreign)
        await until(lambda: counted.carried(NAME)["downstream"].sent > 0)
        await here.follow(requested(2), requested(3))
        records = await here.end()
    assert kinds(records) == [ToxicAdded, Counted, Counted, ToxicRemoved, Stopped, Counted, Started, Counted]
    size = len(http("hello"))
    assert [
        (one.attempt, one.upstream_received, one.upstream_sent, one.downstream_received, one.downstream_sent)
        for one in records
        if isinstance(one, Counted)
    ] == [(1, 0, 0, 0, 0), (2, 9, 9, size, size), (3, 9, 9, size, size), (0, 9, 9, size, size)]
    (added,) = (one for one in records if isinstance(one, ToxicAdded))
    assert (added.toxic, added.type, added.stream) == ("latency_downstream", "latency", "downstream")
    (started,) = (one for one in records if isinstance(one, Started))
    assert started.listen == here.listen


async def test_what_an_earlier_proxy_of_the_same_name_had_carried_is_not_counted(foreign: str, upstream: str) -> None:
    counted, told = Toxiproxy(foreign), []
    for run in (1, 2):
        async with broken(upstream=upstream, url=foreign) as here:
            await ask(here)
            await until(lambda times=run: counted.carried(NAME)["upstream"].sent == 9 * times)
            told += [one.upstream_sent for one in await here.end() if isinstance(one, Counted)]
    assert told == [9, 9]


async def test_a_toxiproxy_of_others_has_no_connections_to_wait_for(foreign: str) -> None:
    async with broken(url=foreign) as here:
        await here.nemesis.quiet(PATIENCE)
        assert here.clock.sleeping == []


# ---- a Toxiproxy that does not do as it should -----------------------------------------------------------------------


def failures(records: tuple[NetworkRecord, ...]) -> list[str]:
    return [one.why for one in records if isinstance(one, NetworkFailed)]


async def test_a_proxy_that_cannot_be_made_is_told_and_there_is_no_network(foreign: str) -> None:
    Toxiproxy(foreign).create(NAME, "127.0.0.1:1")
    async with broken(toxic("latency"), url=foreign) as here:
        assert here.listen is None
        records = await here.end()
    assert (len(records), failures(records)) == (1, ["proxy already exists"])
    assert list(Toxiproxy(foreign).proxies()) == [NAME]


async def test_a_toxic_that_is_refused_is_told() -> None:
    async with broken(toxic("latency", latency="soon")) as here:  # type: ignore[arg-type]
        assert here.listen is not None
        assert len(failures(await here.end())) == 1


async def test_a_toxic_that_is_gone_before_its_end_is_told() -> None:
    async with broken(toxic("latency", ends=AtAttempt(1))) as here:
        here.layer.require().proxy(NAME).remove("latency_downstream")
        await here.follow(requested(1))
        assert failures(await here.end()) == ["toxic not found"]


async def test_a_toxiproxy_that_goes_away_is_told() -> None:
    async with AsyncExitStack() as stack:
        server = stack.enter_context(EmbeddedToxiproxy())
        here = await stack.enter_async_context(broken(url=server.url))
        server.__exit__()
        told = failures(await here.end())
        stack.pop_all()
    assert len(told) == 2  # it could not be cleaned up, and not be counted
    assert all("does not answer" in why for why in told)


# ---- whole cases -----------------------------------------------------------------------------------------------------


def scenario(*faults: NetworkFault) -> Scenario:
    answer = script(Answer())
    return Scenario(
        name="n", family="f", title="T.", script=answer, network=network(*faults), expect=Expect(may_fail=True)
    )


async def lived(*faults: NetworkFault, toxiproxy: str = "", client: str = "bundled") -> CaseFinished:
    """One case, run and judged."""
    adapter = catalog.adapter(client)
    case = PlannedCase(scenario=scenario(*faults), adapter=adapter, seed="1", policy=adapter.policy)
    async with LiveRunner(SystemClock(), toxiproxy) as runner:
        return engine.finished(await runner.run(case), catalog.laws())


def lanes(result: CaseFinished) -> Record:
    assert result.record is not None
    return result.record


DELTA = "content_block_delta"
LIVE: dict[str, tuple[When, Callable[[ServerRecord], bool]]] = {
    "attempt": (AtAttempt(1), lambda one: isinstance(one, Requested)),
    "bytes": (AfterBytes(500), lambda one: isinstance(one, Sent) and one.total >= 500),
    "events": (AfterEvents(1), lambda one: isinstance(one, Sent) and one.event is not None),
    "named_events": (AfterEvents(1, DELTA), lambda one: isinstance(one, Sent) and one.event == DELTA),
}
"""Not the end of the reply: nobody waits for the server any more then, and the case may be over first."""


async def test_a_case_may_go_through_a_toxiproxy_of_others(foreign: str) -> None:
    result = await lived(toxic("limit_data", bytes=600, ends=AtAttempt(2)), toxiproxy=foreign)
    assert result.verdict is Verdict.PASS, result.finding
    assert [one.attempt for one in lanes(result).network if isinstance(one, Counted)] == [1, 2, 0]
    assert Toxiproxy(foreign).proxies() == {}


@pytest.mark.parametrize("moment", LIVE)
async def test_the_network_changes_between_two_records_of_the_server(moment: str) -> None:
    when, is_it = LIVE[moment]
    record = lanes(await lived(toxic("noop", begins=when)))
    place = next(place for place, one in enumerate(record.server) if is_it(one))
    (added,) = (one.at for one in record.network if isinstance(one, ToxicAdded))
    later = [one.t for one in record.server[place + 1 : place + 2]]
    assert [record.server[place].t, added, *later] == sorted([record.server[place].t, added, *later])


async def test_a_network_that_is_bad_from_the_start_is_so_before_the_client_begins() -> None:
    record = lanes(await lived(toxic("latency", latency=1)))
    assert [type(one) for one in record.network[:3]] == [Started, ToxicAdded, Opened]
    assert record.network[1].at < 0 < record.network[2].at
    assert record.network[2].at <= record.server[0].t


async def test_a_toxic_ends_before_the_request_is_answered_that_ends_it() -> None:
    result = await lived(toxic("limit_data", bytes=600, ends=AtAttempt(2)))
    record = lanes(result)
    assert result.verdict is Verdict.PASS, result.finding
    (struck,) = (one for one in record.network if isinstance(one, Struck))
    (removed,) = (one.at for one in record.network if isinstance(one, ToxicRemoved))
    second = [one.t for one in record.server if one.attempt == 2][:2]
    assert struck.at < second[0] <= removed <= second[1]


async def test_an_outage_that_costs_the_server_its_connection_ends_in_time() -> None:
    result = await lived(down(begins=AfterEvents(5), ends=Lasting(0.05)))
    record = lanes(result)
    assert result.verdict is Verdict.PASS, result.finding
    assert [type(one) for one in record.network if isinstance(one, Started | Stopped)] == [Started, Stopped, Started]
    assert next(one.how for one in record.network if isinstance(one, Closed)) == "stopped"
    (finished,) = (one for one in record.client if isinstance(one, Finished))
    assert finished.outcome is Outcome.COMPLETE


async def test_what_a_toxiproxy_refuses_makes_a_case_unknown_and_no_law_but_one_speaks() -> None:
    result = await lived(toxic("latency", latency="soon"))  # type: ignore[arg-type]
    assert result.verdict is Verdict.UNKNOWN
    (ruling,) = result.rulings
    assert ruling.law == "SP22"
    assert ruling.harm.startswith("the network could not be set up: ")


async def test_a_client_without_a_network_is_never_started(foreign: str) -> None:
    Toxiproxy(foreign).create("f.n@bundled:1", "127.0.0.1:1")
    result = await lived(toxic("noop"), toxiproxy=foreign)
    assert (result.verdict, lanes(result).client, lanes(result).server) == (Verdict.UNKNOWN, (), ())
    assert [ruling.harm for ruling in result.rulings] == ["the network could not be set up: proxy already exists"]


# ---- a Toxiproxy that cannot be used ---------------------------------------------------------------------------------


def test_a_toxiproxy_that_counts_can_be_used(foreign: str) -> None:
    check(foreign)


def test_a_toxiproxy_that_nobody_is_cannot_be_used() -> None:
    with pytest.raises(UsageError, match=r"is no Toxiproxy that can be used: .*does not answer"):
        check(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("reply", [http("<html>"), http("nothing here", "404 Not Found"), b"SSH-2.0\r\n"])
def test_a_server_that_is_no_toxiproxy_cannot_be_used(reply: bytes) -> None:
    with answering(reply) as url, pytest.raises(UsageError, match=f"{url} is no Toxiproxy that can be used"):
        check(url)


def streamproof(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([STREAMPROOF, *args], cwd=home, capture_output=True, text=True, timeout=60)


def test_a_run_with_a_toxiproxy_that_nobody_is_is_wrong_usage(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = streamproof(tmp_path, "run", "-k", "slow_network.sliced", "--toxiproxy", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"streamproof: {url} is no Toxiproxy that can be used: ")
    assert list(tmp_path.iterdir()) == []


def test_a_run_with_a_toxiproxy_without_metrics_is_wrong_usage(tmp_path: Path) -> None:
    if not SERVER.exists():
        pytest.skip("NOT COMPARED with a real Toxiproxy: run `make setup-toxiproxy` (needs go)")
    with running("real") as real:
        done = streamproof(tmp_path, "run", "-k", "slow_network.sliced", "--toxiproxy", real.url)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Toxiproxy at {real.url} shows no metrics: start it with -proxy-metrics" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_url_is_no_toxiproxy() -> None:
    with pytest.raises(UsageError, match=r"expected a URL such as http://127\.0\.0\.1:8474"):
        check("localhost:8474")


# ---- for people ------------------------------------------------------------------------------------------------------


def test_a_scenario_is_shown_with_what_is_wrong_with_its_network(tmp_path: Path) -> None:
    done = streamproof(tmp_path, "show", "slow_network.latency")
    assert done.returncode == 0
    assert "  network: latency downstream (latency 300): from the start\n" in done.stdout


def test_a_replay_shows_what_the_network_did(tmp_path: Path) -> None:
    done = streamproof(tmp_path, "replay", "broken_network.cut_in_head@bundled:7")
    assert done.returncode == 0, done.stdout
    lines = re.findall(r"(?m)^ *-?[0-9.]+  (server|network|fault|client) +(.*)$", done.stdout)
    told = [what for side, what in lines if side in ("network", "fault")]
    wanted = [
        "is up",
        "toxic limit_data_downstream comes",
        "connection 1 opens",
        "limit_data_downstream strikes on connection 1 after 90 bytes",
        "passed 90 bytes to the client on connection 1",
        "connection 1 over: closed by a toxic",
        "connection 2 opens",
        "toxic limit_data_downstream goes",
    ]
    assert [what for what in told if what in wanted] == wanted
