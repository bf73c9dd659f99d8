"""The fuzzer finds the planted bugs by itself: it knows neither them nor the scenarios that were written for them.

Bugs of sinks need sockets, and are not hunted. Where each of the others was found stands in ``hunted.json``, which
``python -m meta.hunted`` (in ``tests``) writes anew; what was found there is looked for there first.
"""

from __future__ import annotations

from itertools import chain

import pytest
from meta.hunted import HUNTED, MOST, SIZE, hunt, recorded
from meta.planted import PLANTED, Planted

from harness import catalog
from harness.sim.runner import Simulated

NOT_FOUND = {name for name, catch in recorded().items() if catch is None}
ENOUGH = 25


def test_every_bug_that_needs_no_sockets_is_hunted() -> None:
    assert recorded().keys() == {bug.name for bug in HUNTED}
    assert len(PLANTED) - len(HUNTED) == 10


def test_nearly_every_bug_was_found_within_the_budget() -> None:
    found = [catch for catch in recorded().values() if catch is not None]
    assert len(found) >= len(HUNTED) - 2 >= ENOUGH
    assert max(catch.cases for catch in found) <= MOST


@pytest.mark.load
@pytest.mark.parametrize("bug", [bug for bug in HUNTED if bug.name not in NOT_FOUND], ids=lambda bug: bug.name)
def test_the_fuzzer_finds_a_planted_bug(bug: Planted) -> None:
    known = recorded()[bug.name]
    assert known is not None
    assert hunt(bug, chain([known.shard], range(MOST // SIZE))) is not None


def test_a_bug_of_the_driver_is_hunted_with_its_driver() -> None:
    driven = {bug.name for bug in HUNTED if not isinstance(catalog.adapter(f"meta.planted:{bug.name}"), Simulated)}
    assert driven == {"leaks-errors", "says-it-never-sent", "leaves-connections-open"}
