from __future__ import annotations

from harness.attempt import Attempt
from harness.history import Case
from harness.law import PARTIAL, law
from harness.model import Outcome
from harness.verdict import PASSED, Ruling, failed, skipped


@law(PARTIAL, rank=8, tolerates=0.3)
def partial_is_kept(case: Case) -> Ruling:
    """What arrived before a failure is not thrown away.

    Text that came over the wire before the fault is on display, or in the error, when the call fails; and what was on
    display does not vanish. Another answer than the one on display is no part of it for who promises no recovery. Of a
    compressed body that broke nobody knows what was still right.
    """
    finished = case.finished
    if finished is None or finished.outcome not in (Outcome.INCOMPLETE, Outcome.FAILED):
        return skipped("the call did not fail")
    mine = (attempt for attempt in case.attempts if not case.says_another(attempt))
    readable = (attempt for attempt in mine if attempt.has_plain_head and not attempt.may_be_unread)
    arrived = max((_arrived(attempt) for attempt in readable), key=len, default="")
    error = finished.error
    kept = max(case.displayed, finished.text or "", (error.partial or "") if error is not None else "", key=len)
    lost = len(arrived) - len(kept)
    if lost <= 0:
        return PASSED
    share = "none of them were" if not kept else f"{len(kept)} of them were"
    return failed(f"{len(arrived)} characters of the answer had arrived and {share} kept")


def _arrived(attempt: Attempt) -> str:
    """The text before the last fault, and before the first event that is out of order."""
    text = attempt.before_fault.text
    return text[: len(attempt.told.text)] if attempt.told.flaw else text
