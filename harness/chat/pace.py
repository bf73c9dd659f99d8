"""A scenario for people: said as fast as a model speaks, in answer to what they wrote, with time to watch. Pure."""

from __future__ import annotations

from dataclasses import replace

from harness.model import Expect, Limits, Outcome, Scenario
from harness.pace import paced

SETTLE_SECONDS = 14.0
"""After which a client that hangs is stopped: long enough to be annoying."""
REAL = Limits(connect=5.0, first_byte=20.0, idle=8.0, progress=30.0, close=1.0, settle=150.0)
"""What is given to clients of a real server, whose silences are longer than ours."""


def for_people(scenario: Scenario, message: str, *, pace: float) -> Scenario:
    """The same scenario with the same bytes, each answer at a pace that can be watched.

    Args:
        message: what the person wrote; a scripted answer does not depend on it.
        pace: seconds between two events of an answer that has no pace of its own.
    """
    slow = paced(scenario, pace=pace, settle=SETTLE_SECONDS)
    return replace(slow, request={**scenario.request, "messages": [{"role": "user", "content": message}]})


def before_a_real_server(scenario: Scenario, message: str, model: str) -> Scenario:
    """The same faults where the answer is a real model's: how that ends, nobody knows beforehand."""
    ends = (Outcome.TRUNCATED, Outcome.REFUSED, Outcome.PAUSED)
    return replace(
        scenario,
        expect=Expect(also=ends, may_fail=True),
        request={"model": model, "messages": [{"role": "user", "content": message}]},
        limits=REAL,
        requires=frozenset(),
    )
