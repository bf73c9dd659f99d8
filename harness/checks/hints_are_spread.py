from __future__ import annotations

from itertools import pairwise

from harness.history import Case
from harness.law import law
from harness.verdict import PASSED, Ruling, failed, skipped

_AT_ONCE_SECONDS = 0.03
"""Chance hardly ever draws less than that four times; and a busy machine makes waits longer, never shorter."""
_FEWEST = 5


@law("SP30", rank=16)
def hints_are_spread(case: Case) -> Ruling:
    """Clients that were told the same time to come back do not all come back in that moment.

    A client that waits exactly as long as Retry-After says, time after time, comes back together with everybody who was
    refused with it, and the limit is hit again. A little chance on top of the hint spreads them.
    """
    if case.is_held_up:
        return skipped("the network has held requests up: the server saw them late")
    pairs = [(one.response.headers.get("retry-after", ""), one, after) for one, after in pairwise(case.attempts)]
    waits = [(float(hint), after.requested.t - (one.over_at or 0.0)) for hint, one, after in pairs if hint.isdecimal()]
    late = [wait - hint for hint, wait in waits][1:]  # the first holds what the client does only once
    if len(late) < _FEWEST - 1 or len({hint for hint, _ in waits}) > 1:
        return skipped(f"fewer than {_FEWEST} waits after one and the same hint")
    if max(late) < _AT_ONCE_SECONDS:
        return failed(f"it came back exactly when it was told to, {len(waits)} times, together with everybody else")
    return PASSED
