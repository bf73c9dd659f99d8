from __future__ import annotations

from harness.delivery import requests_left
from harness.history import Case
from harness.law import law
from harness.verdict import PASSED, Ruling, failed, skipped


@law("SP21", rank=13, tolerates=0.3)
def never_sent_is_told(case: Case) -> Ruling:
    """A request that never reached the server is told apart from one that got no answer.

    The first is safe to send again without a thought; the second may have been billed, and its tools may have run.
    """
    error = case.finished.error if case.finished is not None else None
    if error is None or error.sent is None:
        return skipped("no error, or one that says nothing about sending")
    reached = bool(case.attempts)
    if error.sent == reached or (error.sent and requests_left(case.network)):
        return PASSED
    if reached:
        return failed(f"the error says that the request was never sent; the server saw {len(case.attempts)}")
    return failed("the error says that the request was sent; the server never saw one")
