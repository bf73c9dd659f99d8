"""The fuzzer finds the planted bugs by itself: it knows neither them nor the scenarios that were written for them.

Bugs of sinks need sockets, and bugs of what is never drawn cannot be met: they are not hunted. Where each of the others
was found stands in ``hunted.json``, which ``python -m meta.hunted`` (in ``tests``) writes anew; what was found there is
looked for there first.
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
NOT_DRAWN = {
    "reads-in-large-pieces",
    "judges-by-words",
    "gives-up-by-words",
    "comes-back-with-the-herd",
    "knows-an-index-once",
    "waits-for-an-answer",
    "leaves-refusals-open",
    "connects-for-ever",
}
"""The fuzzer draws no words of errors, no address without answer, no five hints in a row, no index twice, and nothing
of promptness; two are bugs that it finds under another name."""


def test_every_bug_that_needs_no_sockets_is_hunted() -> None:
    assert recorded().keys() == {bug.name for bug in HUNTED}
    assert len(PLANTED) - len(HUNTED) == len([bug for bug in PLANTED if bug.sink is not None]) + len(NOT_DRAWN)
    assert {bug.name for bug in PLANTED if not bug.is_drawn} == NOT_DRAWN


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
