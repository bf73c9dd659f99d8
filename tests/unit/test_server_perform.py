"""Effects are carried out in order, and everything that happened is on record."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.clock import SystemClock
from fake_server.effects import Close, Effect, End, Last, Mark, Reset, Send, Stall, Wait
from fake_server.perform import Log, perform, reset_transport
from fake_server.record import KEPT_BYTES, Ended, Sent, ServerRecord, Struck, Waited, redact

ENDINGS: list[tuple[Last | None, str]] = [(End(), "end"), (Close(), "close"), (Reset(), "reset"), (None, "close")]


@dataclass
class Stage:
    """A connection and a clock in one; what is done to either is written down in order."""

    gone_after: int | None = None
    late: float = 0.0
    """How much longer a wait takes."""
    is_full: bool = False
    done: list[object] = field(default_factory=list)
    records: list[ServerRecord] = field(default_factory=list)
    time: float = 100.0

    def __post_init__(self) -> None:
        self.log = Log(self.records.append, self, start=90.0, attempt=3)

    def write(self, data: bytes) -> None:
        if self.gone_after == len(self.done):
            raise ConnectionResetError
        self.done.append(data)

    async def drained(self) -> None:
        self.done.append("drained")
        self.is_full = False

    def close(self) -> None:
        self.done.append("close")

    def reset(self) -> None:
        self.done.append("reset")

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.time += seconds + self.late
        self.done.append(seconds)

    def plays(self, effects: Iterable[Effect]) -> str:
        return asyncio.run(perform(effects, self, self, self.log))


@pytest.mark.parametrize(("last", "how"), ENDINGS, ids=str)
def test_effects_are_performed_in_order_and_recorded_with_time_and_totals(last: Last | None, how: str) -> None:
    stage = Stage()
    effects: list[Effect] = [Send(b"abc", "x"), Wait(2), Mark("f", "n"), Send(b"de"), *([last] if last else [])]
    assert stage.plays(effects) == how
    assert stage.done == [b"abc", 2, b"de", *([how] if how != "end" else [])]
    assert stage.records == [
        Sent(t=10, attempt=3, data=b"abc", size=3, total=3, event="x"),
        Waited(t=12, attempt=3, seconds=2),
        Struck(t=12, attempt=3, fault="f", note="n", total=3),
        Sent(t=12, attempt=3, data=b"de", size=2, total=5),
        Ended(t=12, attempt=3, how=how, total=5),
    ]


def test_what_nothing_separates_is_written_at_once_and_recorded_one_by_one() -> None:
    stage = Stage()
    stage.plays([Send(b""), Send(b"abc", "x"), Send(b"de"), Send(b"f", "y"), Wait(1), Send(b"g"), Send(b"h"), End()])
    assert stage.done == [b"", b"abcdef", 1, b"gh"]
    assert [(one.t, one.data, one.total, one.event) for one in stage.records if isinstance(one, Sent)] == [
        (10, b"", 0, None),
        (10, b"abc", 3, "x"),
        (10, b"de", 5, None),
        (10, b"f", 6, "y"),
        (11, b"g", 7, None),
        (11, b"h", 8, None),
    ]


def test_what_is_written_at_once_to_a_client_that_is_gone_is_no_record_at_all() -> None:
    stage = Stage(gone_after=1)
    assert stage.plays([Send(b"head"), Send(b"abc"), Send(b"de"), End()]) == "peer_closed"
    assert stage.records[1:] == [Ended(t=10, attempt=3, how="peer_closed", total=4)]


def test_of_what_is_written_apart_to_a_client_that_leaves_the_first_writes_are_on_record() -> None:
    stage = Stage(gone_after=2)
    assert stage.plays([Mark("f"), Send(b"abc"), Send(b"de"), Send(b"f"), End()]) == "peer_closed"
    assert [one.data for one in stage.records if isinstance(one, Sent)] == [b"abc", b"de"]
    assert stage.records[-1] == Ended(t=10, attempt=3, how="peer_closed", total=5)


def test_the_server_waits_for_a_client_that_does_not_read() -> None:
    stage = Stage(is_full=True)
    stage.plays([Send(b"a"), Mark("f"), Send(b"b"), End()])
    assert stage.done == [b"a", "drained", b"b"]


def test_a_client_that_leaves_while_it_is_waited_for_may_have_read_what_was_written() -> None:
    class Stuck(Stage):
        async def drained(self) -> None:
            raise ConnectionResetError

    stage = Stuck(is_full=True)
    assert stage.plays([Send(b"a"), Wait(1), Send(b"late"), End()]) == "peer_closed"
    assert [(one.data, one.total) for one in stage.records[:-1] if isinstance(one, Sent)] == [(b"a", 1)]
    assert stage.records[-1] == Ended(t=10, attempt=3, how="peer_closed", total=1)


def test_who_may_want_the_server_to_wait_is_asked_after_each_event() -> None:
    stage = Stage()
    seen: list[tuple[int, int]] = []

    async def hold(record: ServerRecord) -> None:
        seen.append((len(stage.done), len(stage.records)))

    stage.log = Log(stage.records.append, stage, start=90.0, attempt=3, hold=hold)
    stage.plays([Send(b"a"), Send(b"b"), Send(b"c"), End()])
    assert stage.done == [b"a", b"b", b"c"]
    assert seen == [(1, 1), (2, 2), (3, 3), (3, 4)]


def test_lateness_of_a_steady_pace_does_not_add_up() -> None:
    stage = Stage(late=0.25)
    stage.plays([*[Wait(1, steady=True), Send(b"x")] * 5, End()])
    assert [one.t for one in stage.records if isinstance(one, Sent)] == [11.25, 12.25, 13.25, 14.25, 15.25]


def test_a_pace_that_is_a_whole_wait_behind_begins_anew_and_does_not_hurry() -> None:
    stage = Stage(late=1.5)
    stage.plays([*[Wait(1, steady=True), Send(b"x")] * 3, End()])
    assert [one for one in stage.done if not isinstance(one, bytes)] == [1, 1, 1]


def test_any_other_wait_is_as_long_as_it_says_however_late_the_one_before_it_came() -> None:
    stage = Stage(late=0.25)
    stage.plays([Wait(1, steady=True), Send(b"x"), Wait(1), Send(b"y"), End()])
    assert [one for one in stage.done if not isinstance(one, bytes)] == [1, 1]


@pytest.mark.parametrize("last", [last for last, _ in ENDINGS if last is not None], ids=str)
def test_nothing_follows_the_end(last: Last) -> None:
    stage = Stage()
    stage.plays([last, Send(b"late"), Mark("late")])
    assert b"late" not in stage.done
    assert len(stage.records) == 1


@given(sizes=st.lists(st.integers(0, 9), max_size=200))
@settings(max_examples=15)
def test_totals_count_every_byte(sizes: list[int]) -> None:
    stage = Stage()
    stage.plays([*(Send(b"x" * size) for size in sizes), End()])
    assert b"".join(data for data in stage.done if isinstance(data, bytes)) == b"x" * sum(sizes)
    assert [record.total for record in stage.records if isinstance(record, Sent)] == [
        sum(sizes[: place + 1]) for place in range(len(sizes))
    ]
    assert stage.records[-1] == Ended(t=10, attempt=3, how="end", total=sum(sizes))


def test_of_a_long_write_the_beginning_is_kept_and_all_of_it_is_sent_and_counted() -> None:
    stage = Stage()
    stage.plays([Send(b"x" * (KEPT_BYTES + 1)), End()])
    sent = stage.records[0]
    assert isinstance(sent, Sent)
    assert (len(sent.data), sent.size, sent.total) == (KEPT_BYTES, KEPT_BYTES + 1, KEPT_BYTES + 1)
    assert stage.done == [b"x" * (KEPT_BYTES + 1)]


def test_a_client_that_is_gone_is_recorded_without_the_bytes_it_did_not_get() -> None:
    stage = Stage(gone_after=1)
    assert stage.plays([Send(b"abc"), Mark("f"), Send(b"de"), End()]) == "peer_closed"
    assert stage.records[2:] == [Ended(t=10, attempt=3, how="peer_closed", total=3)]


@pytest.mark.parametrize("left", ["peer_closed", "abandoned"])
def test_a_stall_lasts_until_it_is_cancelled_which_is_recorded_and_passed_on(left: str) -> None:
    stage = Stage()

    def leaving() -> Iterator[Effect]:
        yield Send(b"abc")
        task = asyncio.current_task()
        assert task is not None
        stage.log.left = left
        task.cancel()
        yield from (Stall(), Send(b"late"))

    with pytest.raises(asyncio.CancelledError):
        stage.plays(leaving())
    assert stage.done == [b"abc"]
    assert stage.records[1:] == [Ended(t=10, attempt=3, how=left, total=3)]


def test_a_client_that_is_cancelled_leaves_as_the_peer_unless_told_otherwise() -> None:
    assert Stage().log.left == "peer_closed"


def test_a_long_burst_lets_others_run() -> None:
    stage = Stage()
    turns: list[int] = []

    async def burst() -> None:
        task = asyncio.create_task(perform([Mark("f"), *[Send(b"x")] * 1000], stage, stage, stage.log))
        while not task.done():
            turns.append(len(stage.done))
            await asyncio.sleep(0)

    asyncio.run(burst())
    assert max(later - earlier for earlier, later in pairwise(turns)) <= 64


def test_an_unknown_failure_of_the_connection_is_not_hidden() -> None:
    class Broken(Stage):
        def write(self, data: bytes) -> None:
            raise RuntimeError("no connection")

    with pytest.raises(RuntimeError, match="no connection"):
        Broken().plays([Send(b"x")])


@dataclass
class Transport:
    """A transport that may have lost its socket."""

    connected: bool
    done: list[object] = field(default_factory=list)

    def get_extra_info(self, name: str) -> Transport | None:
        return self if self.connected and name == "socket" else None

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        self.done.append((option, struct.unpack("ii", value)))

    def abort(self) -> None:
        self.done.append("abort")


@pytest.mark.parametrize("connected", [True, False])
def test_a_reset_drops_the_connection_without_lingering(connected: bool) -> None:
    transport = Transport(connected)
    reset_transport(cast(asyncio.Transport, transport))
    assert transport.done == [*([(socket.SO_LINGER, (1, 0))] if connected else []), "abort"]


def test_the_clock_of_this_machine_never_goes_back() -> None:
    clock = SystemClock()
    before = clock.now()
    asyncio.run(clock.sleep(0))
    assert clock.now() >= before
    assert clock.wall() > 0


def test_no_secret_gets_into_a_record() -> None:
    headers = {"X-Api-Key": "k", "Authorization": "Bearer k", "Cookie": "k", "Proxy-Authorization": "k", "Accept": "k"}
    assert redact(headers) == dict.fromkeys(map(str.lower, headers), "[redacted]") | {"accept": "k"}
