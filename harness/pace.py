"""A scenario at a pace that can be watched: the same bytes, said as fast as a model speaks. Pure."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from fake_server.answer import Answer
from fake_server.script import Script, Step
from harness.model import Scenario


def paced(scenario: Scenario, *, pace: float, settle: float) -> Scenario:
    """The same scenario with the same bytes, each answer at a pace that can be watched.

    Args:
        pace: seconds between two events of an answer that has no pace of its own.
        settle: seconds that a call is given at least, before it is stopped as one that hangs.
    """
    return replace(
        scenario,
        script=_paced(scenario.script, pace),
        elsewhere=None if scenario.elsewhere is None else _paced(scenario.elsewhere, pace),
        limits=msgspec.structs.replace(scenario.limits, settle=max(scenario.limits.settle, settle)),
    )


def _paced(script: Script, pace: float) -> Script:
    return Script(tuple(_step(step, pace) for step in script.steps))


def _step(step: Step, pace: float) -> Step:
    return replace(step, pace=pace) if isinstance(step, Answer) and not step.pace else step
