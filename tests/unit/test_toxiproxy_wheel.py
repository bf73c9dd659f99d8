"""What is due, and when: moments beside each other."""

from __future__ import annotations

import pickle

from harness.toxiproxy.pipe import FOREVER
from harness.toxiproxy.wheel import Wheel


def test_nothing_is_due_in_an_empty_wheel() -> None:
    wheel: Wheel[str] = Wheel()
    assert wheel.next == FOREVER
    assert wheel.due(1e9) == []


def test_what_is_due_is_given_once() -> None:
    wheel: Wheel[str] = Wheel()
    wheel.put(1.0, "a")
    assert wheel.due(1.0) == ["a"]
    assert wheel.due(2.0) == []
    assert wheel.next == FOREVER


def test_an_item_may_be_put_in_again() -> None:
    wheel: Wheel[str] = Wheel()
    for at in (1.0, 2.0):
        wheel.put(at, "a")
        assert wheel.due(at) == ["a"]


def test_those_of_one_spoke_come_in_the_order_in_which_they_were_put_in() -> None:
    wheel: Wheel[str] = Wheel()
    for item in "badc":
        wheel.put(1.0, item)
    assert wheel.due(1.0) == list("badc")


def test_taking_back_what_was_due_does_nothing() -> None:
    wheel: Wheel[str] = Wheel()
    wheel.put(1.0, "a")
    wheel.put(1.0, "b")
    wheel.due(1.0)
    wheel.put(1.0, "b")
    wheel.take_back(1.0, "a")
    wheel.take_back(7.0, "a")
    assert wheel.due(1.0) == ["b"]


def test_a_wheel_remembers_nothing_of_what_was_taken_back() -> None:
    wheel: Wheel[int] = Wheel()
    wheel.put(0.5, -1)
    for item in range(10_000):
        wheel.put(3600.0 + item, item)
        wheel.take_back(3600.0 + item, item)
    assert len(pickle.dumps(wheel)) < 5000
    assert wheel.due(1e9) == [-1]
