"""A call between its session and whoever drives it: its clock, its timer, its observers, and bytes that are waiting."""

from __future__ import annotations

import logging
from collections import deque
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spoken import PING, START, whole
from virtual import POLICY, REQUEST, STREAM

from client_under_test.answer import Outcome
from client_under_test.call import AT_ONCE_BYTES, Call, taken
from client_under_test.events import Done
from client_under_test.observe import Observer, Observers
from client_under_test.session import Session
from client_under_test.signals import (
    BodyEnded,
    BytesReceived,
    CancelRequested,
    Deliver,
    Drop,
    Input,
    Signal,
    Started,
    TimerFired,
)

SECONDS = st.floats(0, 1e6)
PIECES = st.binary(max_size=9) | st.sampled_from([AT_ONCE_BYTES - 1, AT_ONCE_BYTES, AT_ONCE_BYTES + 1]).map(bytes)
ARRIVED = st.lists(PIECES.map(BytesReceived) | st.sampled_from([STREAM, BodyEnded()]), min_size=1, max_size=8)


class Driven:
    """A call whose clock is set by hand, and the signals that its observer was told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[tuple[float, Signal]] = []
        observers = Observers([lambda request: lambda signal, now: self.told.append((now, signal))], REQUEST)
        self.call = Call(Session(REQUEST, POLICY, Random(1)), observers, lambda: self.now)

    def kinds(self) -> list[type]:
        """What was told since the last time."""
        kinds = [type(signal) for _, signal in self.told]
        self.told.clear()
        return kinds

    def outcomes(self) -> list[Outcome]:
        """How the call ended, each time that it was told to have ended."""
        delivered = [one.event for one in self.call.actions if isinstance(one, Deliver)]
        return [one.answer.outcome for one in delivered if isinstance(one, Done)]


@pytest.fixture
def driven() -> Driven:
    """A call whose answer has begun to stream."""
    made = Driven()
    made.call.resume()
    made.call.feed(STREAM)
    made.call.feed(BytesReceived(START.encode()))
    made.kinds()
    return made


# ---- the clock -------------------------------------------------------------------------------------------------------


def test_a_busy_peer_does_not_keep_a_timer_from_firing(driven: Driven) -> None:
    step = POLICY.limits.idle / 2
    while driven.now + step < POLICY.limits.progress:
        driven.now += step
        driven.call.feed(BytesReceived(PING.encode()))
        assert TimerFired not in driven.kinds()
    driven.now = POLICY.limits.progress
    driven.call.feed(BytesReceived(PING.encode()))
    kinds = driven.kinds()
    assert kinds[0] is BytesReceived
    assert TimerFired in kinds[1:]
    assert any(isinstance(one, Drop) for one in driven.call.actions)


@given(st.lists(SECONDS, min_size=1, max_size=5))
def test_the_clock_stands_still_while_the_caller_holds_an_event(held: list[float]) -> None:
    driven = Driven()
    driven.call.resume()
    for seconds in held:
        driven.call.leave()
        driven.now += seconds
        assert driven.call.timeout == pytest.approx(POLICY.limits.first_byte)
        driven.call.resume()
        assert driven.call.timeout == pytest.approx(POLICY.limits.first_byte)


def test_a_call_that_has_not_begun_waits_for_no_timer_and_one_that_is_late_for_no_time() -> None:
    driven = Driven()
    assert driven.call.timeout is None
    driven.call.resume()
    driven.now = POLICY.limits.first_byte + 1
    assert driven.call.timeout == 0


# ---- its end ---------------------------------------------------------------------------------------------------------


def test_a_call_that_is_cancelled_ends_once(driven: Driven) -> None:
    for _ in range(2):
        driven.call.cancel()
        assert driven.call.over
    assert driven.outcomes() == [Outcome.CANCELLED]
    assert driven.kinds().count(CancelRequested) == 1


def test_a_call_that_is_over_cannot_be_cancelled(driven: Driven) -> None:
    driven.call.feed(BytesReceived("".join(whole("Hello.")).removeprefix(START).encode()))
    driven.call.feed(BodyEnded())
    driven.kinds()
    driven.call.cancel()
    assert (driven.kinds(), driven.outcomes()) == ([], [Outcome.COMPLETE])


# ---- bytes that are waiting ------------------------------------------------------------------------------------------


@given(ARRIVED)
def test_bytes_that_wait_are_taken_together_and_nothing_else_is(arrived: list[Input]) -> None:
    waiting, took = deque(arrived), []
    while waiting:
        took.append(taken(waiting))
    assert flat(took) == flat(arrived)
    for one, following in pairwise(took):
        both = isinstance(one, BytesReceived) and isinstance(following, BytesReceived)
        assert not both or len(one.data) >= AT_ONCE_BYTES


@given(ARRIVED)
def test_a_burst_is_taken_in_turns_of_which_none_grows_once_it_is_full(arrived: list[Input]) -> None:
    waiting = deque(arrived)
    while waiting:
        before = list(waiting)
        one = taken(waiting)
        used = before[: len(before) - len(waiting)]
        assert sum(len(piece.data) for piece in used[:-1] if isinstance(piece, BytesReceived)) < AT_ONCE_BYTES
        assert flat([one]) == flat(used)


def flat(inputs: list[Input]) -> list[object]:
    """The inputs with all bytes that follow each other as one."""
    joined: list[Any] = []
    for one in inputs:
        if isinstance(one, BytesReceived) and joined and isinstance(joined[-1], bytes):
            joined[-1] += one.data
        else:
            joined.append(one.data if isinstance(one, BytesReceived) else one)
    return joined


# ---- observers -------------------------------------------------------------------------------------------------------


class Broken(Exception):
    """What an observer raises."""


def broken(*_: object) -> Observer:
    raise Broken


def watching(told: list[Any]) -> Any:
    return lambda request: lambda signal, now: told.append((request, signal, now))


def test_every_observer_is_told_of_every_signal_with_its_time() -> None:
    first: list[Any] = []
    second: list[Any] = []
    observers = Observers([watching(first), watching(second)], REQUEST)
    for now, signal in enumerate([Started(), BodyEnded()]):
        observers.tell(signal, now)
    assert first == second == [(REQUEST, Started(), 0), (REQUEST, BodyEnded(), 1)]


@pytest.mark.parametrize("bad", [broken, lambda request: broken], ids=["the watch", "its observer"])
def test_an_observer_that_raises_is_logged_and_disturbs_nobody(bad: Any, caplog: pytest.LogCaptureFixture) -> None:
    told: list[Any] = []
    with caplog.at_level(logging.ERROR, "client_under_test"):
        Observers([bad, watching(told)], REQUEST).tell(Started(), 1.5)
    assert told == [(REQUEST, Started(), 1.5)]
    (logged,) = caplog.records
    assert logged.exc_info is not None
    assert logged.exc_info[0] is Broken


def test_an_observer_cannot_hold_up_who_wants_to_stop_the_program() -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Observers([lambda request: stop], REQUEST).tell(Started(), 0.0)
