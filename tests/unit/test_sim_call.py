"""How a simulated call drives its session: when it tells it what, and when no more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest

from client_under_test.events import Event
from client_under_test.session import State
from client_under_test.signals import (
    Action,
    BodyEnded,
    CancelRequested,
    Drop,
    HeadReceived,
    Input,
    Open,
    Started,
    TimerFired,
    WakeAt,
)
from client_under_test.targets import Target
from harness.sim.agenda import VirtualAgenda
from harness.sim.call import REFUSED, SimCall, Untaken
from harness.sim.line import EndOfLine

HEAD = HeadReceived(200, {}, 0.0)


class Told:
    """A session that wants to be woken after a second, and remembers what it was told."""

    def __init__(self) -> None:
        self.state = State.WAITING
        self.inputs: list[str] = []

    def handle(self, happened: Input, now: float) -> list[Action]:
        self.inputs.append(type(happened).__name__)
        match happened:
            case Started():
                return [WakeAt(1.0)]
            case TimerFired():
                return [WakeAt(None)]
            case CancelRequested() | BodyEnded():
                self.state = State.DONE
        return []


class Opens(Told):
    """A session that sends a request, and leaves it when it is woken."""

    def handle(self, happened: Input, now: float) -> list[Action]:
        super().handle(happened, now)
        match happened:
            case Started():
                return [WakeAt(1.0), Open({}, Target())]
            case TimerFired():
                return [WakeAt(None), Drop()]
        return []


class Nobody:
    """Takes no request and looks at nothing."""

    def __init__(self, untaken: Untaken = REFUSED) -> None:
        self._untaken = untaken

    def open(self, opening: Open) -> EndOfLine | Untaken:
        return self._untaken

    def see(self, event: Event) -> None:
        raise AssertionError(event)

    def catch(self, error: Exception) -> None:
        raise AssertionError(error)


def told(seconds: float, *happened: Input | Callable[[SimCall], None]) -> list[str]:
    """What a session is told from its start on, when all that happens at that time."""
    agenda, session = VirtualAgenda(), Told()
    machine: Any = session
    call = SimCall(machine, agenda, Nobody(), Nobody(), Random(0))
    for one in happened:
        agenda.at(seconds, partial(one, call) if callable(one) else partial(call.feed, one))
    call.start()
    agenda.run(lambda: False, 10)
    return session.inputs


@pytest.mark.parametrize(
    ("after", "inputs"),
    [
        (0.0, ["Started", "TransportFailed", "TimerFired"]),
        (0.5, ["Started", "TransportFailed", "TimerFired"]),
        (1.5, ["Started", "TimerFired"]),
    ],
)
def test_that_no_connection_is_made_is_told_in_its_time_unless_nobody_waits_for_it_any_more(
    after: float, inputs: list[str]
) -> None:
    agenda, session = VirtualAgenda(), Opens()
    machine: Any = session
    SimCall(machine, agenda, Nobody(Untaken(after, "timed out")), Nobody(), Random(0)).start()
    agenda.run(lambda: False, 10)
    assert session.inputs == inputs


def test_the_timer_rings_once() -> None:
    assert told(0.0) == ["Started", "TimerFired"]


def test_what_comes_at_the_very_moment_of_a_deadline_comes_in_time() -> None:
    assert told(1.0, HEAD) == ["Started", "HeadReceived", "TimerFired"]


def test_a_timer_that_is_due_rings_behind_what_came_first_in_that_moment_and_not_again() -> None:
    assert told(1.000001, HEAD, HEAD) == ["Started", "HeadReceived", "TimerFired", "HeadReceived"]


def test_a_session_is_told_nothing_behind_its_end() -> None:
    assert told(0.5, BodyEnded(), HEAD) == ["Started", "BodyEnded"]


def test_who_leaves_twice_cancels_once_and_hears_no_more() -> None:
    assert told(0.5, SimCall.cancel, SimCall.cancel, HEAD) == ["Started", "CancelRequested"]
