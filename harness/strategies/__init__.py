"""Hypothesis strategies for tests of your own: what a server can say, how it breaks, and what the network does to it.

::

    from hypothesis import given
    from harness.strategies import answers, faults, scenarios

    @given(scenarios(max_faulty=2))
    def test_my_client_survives(scenario): ...

Faults and toxics are found by walking their packages and drawn by the types of their fields, so a new one needs nothing
here. Everything drawn can be sent, and recorded (:mod:`harness.recorded`); what is drawn first is the simplest.
"""

from harness.strategies.cases import networks, scenarios
from harness.strategies.content import answers, blocks
from harness.strategies.hints import faults, positions
from harness.strategies.steps import refusals, scripts, steps

__all__ = ["answers", "blocks", "faults", "networks", "positions", "refusals", "scenarios", "scripts", "steps"]
