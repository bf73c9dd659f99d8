"""Every strictness has a victim: whoever is made strict by one scenario must not break its pair.

Which scenarios are strict, and what stands on the other side of each, is the law of this page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from harness import catalog
from harness.model import Expect, Outcome, Scenario


@dataclass(frozen=True)
class Strictness:
    """A kind of scenario that must have a pair, and which scenarios can be one."""

    name: str
    is_strict: Callable[[Scenario], bool]
    is_other_side: Callable[[Scenario, Expect], bool]
    """Takes the pair, and what the strict one expects."""


NOT_BELIEVED = ("cutoff", "malformed", "order")
"""The families whose faults a client must not take for a good answer."""

STRICTNESS = (
    Strictness(
        "a dead stream must be left, and one that is alive must not",
        lambda one: one.expect.stalls,
        lambda pair, _: not pair.expect.stalls and not pair.expect.may_fail,
    ),
    Strictness(
        "a slow stream must be borne, and a dead one must not",
        lambda one: one.expect.healthy,
        lambda pair, _: pair.expect.stalls,
    ),
    Strictness(
        "what will not change must not be asked again, and what may pass must be",
        lambda one: one.expect.permanent,
        lambda pair, expect: not pair.expect.permanent or pair.expect.outcome is not expect.outcome,
    ),
    Strictness(
        "a senseless hint must not be obeyed, and a sensible one must be",
        lambda one: one.expect.absurd_hint,
        lambda pair, _: not pair.expect.absurd_hint,
    ),
    Strictness(
        "what is no whole answer must not be called one, and what is must be",
        lambda one: one.expect.outcome is not Outcome.COMPLETE,
        lambda pair, _: pair.expect.outcome is Outcome.COMPLETE,
    ),
    Strictness(
        "what is broken must not be believed, and what only looks odd must be",
        lambda one: one.family in NOT_BELIEVED and one.expect.may_fail,
        lambda pair, _: not pair.expect.may_fail,
    ),
)


def strict(kind: Strictness) -> list[Scenario]:
    return [one for one in catalog.scenarios().values() if kind.is_strict(one)]


@pytest.mark.parametrize("kind", STRICTNESS, ids=lambda kind: kind.name)
def test_every_strict_scenario_has_a_pair_on_the_other_side(kind: Strictness) -> None:
    known = catalog.scenarios()
    assert strict(kind)
    alone = [one.id for one in strict(kind) if not one.pair]
    assert alone == []
    wrong = {one.id: one.pair for one in strict(kind) if not kind.is_other_side(known[one.pair], one.expect)}
    assert wrong == {}


@pytest.mark.parametrize("kind", STRICTNESS, ids=lambda kind: kind.name)
def test_no_scenario_is_its_own_other_side(kind: Strictness) -> None:
    assert [one.id for one in strict(kind) if kind.is_other_side(one, one.expect)] == []
