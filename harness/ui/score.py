"""How a search for failures stands, for a page. Pure."""

from __future__ import annotations

from shlex import quote
from typing import Any

from harness.campaign import Campaign, Tally
from harness.plain import plain
from harness.states import Delivered

_MOST_CODES, _MOST_FAULTS, _MOST_CHARS = 60, 80, 200


def score(campaign: Campaign, tally: Tally, seconds: float) -> dict[str, Any]:
    """What was done and found.

    Args:
        seconds: since the search began.
    """
    faults = sorted({fault for fault, _ in tally.coverage})
    states = [state.value for state in Delivered]
    return {
        "cases": tally.cases,
        "goal": campaign.examples,
        "seconds": round(seconds, 1),
        "speed": round(tally.cases / seconds, 1) if seconds > 0 else 0.0,
        "failures": [_failure(tally, code, times) for code, times in tally.times.most_common(_MOST_CODES)],
        "distinct": len(tally.failures),
        "pairs": len(tally.coverage),
        "states": states,
        "coverage": [[plain(one), [tally.coverage[one, state] for state in states]] for one in faults[:_MOST_FAULTS]],
    }


def _failure(tally: Tally, code: str, times: int) -> dict[str, Any]:
    found = tally.failures[code]
    return {"code": plain(code, _MOST_CHARS), "times": times, "harm": plain(found.harm, _MOST_CHARS)}


def command(campaign: Campaign) -> str:
    """What finds the same again, makes each failure as simple as it can be, and proves it on sockets."""
    examples = f" --examples {campaign.examples}" if campaign.examples is not None else ""
    return f"streamproof fuzz --client {quote(campaign.client)} --seed {quote(campaign.seed)}{examples}"
