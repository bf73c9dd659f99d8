from __future__ import annotations

from harness.history import Case
from harness.law import law
from harness.model import Cancelled, Finished
from harness.verdict import PASSED, Ruling, failed, skipped


@law("SP14", rank=12, tolerates=0.5)
def connection_is_closed(case: Case) -> Ruling:
    """A connection that is of no more use is closed soon: after the end of the answer, a cancel or an error.

    The server sees the close. A connection that stays open keeps a slot of the pool, and the model writing at the
    user's expense.
    """
    if not any(isinstance(record, Finished | Cancelled) for record in case.client):
        return skipped("the call did not end by itself")
    if case.is_held_up:
        return skipped("the network may have held the client's close up")
    limit = case.info.limits.close
    open_still = [one for one in case.attempts if one.ended is None or one.ended.how == "abandoned"]
    if open_still:
        return failed(f"the connection was still open {limit:g} s after the call had ended, and the model writing on")
    return PASSED
