"""A case as it is put on for somebody who watches, and perhaps meddles. Pure."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import msgspec

from fake_server.effects import Send
from fake_server.script import Request
from harness.history import CaseInfo
from harness.model import Endpoint, Expect, Policy, Scenario
from harness.network import NOTHING
from harness.pace import paced
from harness.plan import PlannedCase

SETTLE_SECONDS = 30.0
"""After which a client that hangs is stopped."""
LONGEST_ANSWER_SECONDS = 8.0
"""What the pace may make of an answer: with its retries it must fit into the time to settle."""
_MOST_EVENTS = 20_000


def is_shown(scenario: Scenario) -> bool:
    """Whether there are three lanes to watch: not for several calls of one client, nor for what a receiver sees."""
    return not scenario.before and scenario.receiver is None


def can_be_touched(scenario: Scenario) -> bool:
    """Whether there is a network to change by hand: not where the client is led to an address with no server."""
    return scenario.endpoint is Endpoint.SERVER


def staged(case: PlannedCase, pace: float) -> PlannedCase:
    """The same bytes at a pace that can be watched, over a network that can be changed.

    Args:
        pace: seconds between two events; less for a long answer.
    """
    pace = min(pace, LONGEST_ANSWER_SECONDS / max(1, _events(case)))
    scenario = paced(case.scenario, pace=pace, settle=SETTLE_SECONDS)
    if can_be_touched(scenario):
        scenario = replace(scenario, network=scenario.network or NOTHING)
    return replace(case, scenario=scenario)


def _events(case: PlannedCase) -> int:
    """Events of the first answer."""
    body = {**case.request(), "stream": True}
    reply = case.scenario.script.reply(Request(attempt=1, seed=case.text_seed, body=body, dialect=case.dialect))
    return sum(isinstance(effect, Send) for effect in islice(reply.body, _MOST_EVENTS))


def meddled_with(info: CaseInfo) -> CaseInfo:
    """What may be asked of a client whose network a person has changed: it may give up, and must not lie.

    What the scenario had planned may have come too early, too late or never, so nothing is proven by that any more.
    """
    asked = info.expect
    expect = Expect(
        outcome=asked.outcome, also=asked.also, may_fail=True, tools=asked.tools, absurd_hint=asked.absurd_hint
    )
    policy = Policy.RAISE if info.policy is Policy.RECOVER else info.policy
    return msgspec.structs.replace(info, expect=expect, policy=policy, faults=(), toxics={})
