from __future__ import annotations

from email.utils import parsedate_to_datetime
from itertools import pairwise

from harness.attempt import Attempt
from harness.history import Case
from harness.law import law
from harness.verdict import PASSED, Ruling, failed, skipped

_ROUNDING_SECONDS = 0.002


@law("SP12", rank=10)
def retry_after_obeyed(case: Case) -> Ruling:
    """No request comes before the time that the server asked to wait for.

    Measured by the server, from the end of its refusal to the next request. Hints that are nonsense or hours long
    need not be obeyed, and must not be slept on: that the call still ends in time is the law SP01.
    """
    if case.is_held_up:
        return skipped("the network has held requests up: the server saw them late, perhaps in another order")
    gaps = [(_asked(before), _gap(before, after)) for before, after in pairwise(case.attempts)]
    gaps = [(asked, gap) for asked, gap in gaps if asked is not None]
    if not gaps or case.info.expect.absurd_hint:
        return skipped("no request followed a sensible Retry-After")
    for asked, gap in gaps:
        if asked is not None and gap < asked - _ROUNDING_SECONDS:
            return failed(f"the server asked for {asked:.1f} s of peace and was called again after {gap:.2f} s")
    return PASSED


def _gap(before: Attempt, after: Attempt) -> float:
    return after.requested.t - (before.over_at or before.requested.t)


def _asked(attempt: Attempt) -> float | None:
    """Seconds that the refusal asked for; an HTTP-date counts from the response's own date, whole seconds both."""
    headers = attempt.response.headers
    value = headers.get("retry-after", "")
    try:
        if "retry-after-ms" in headers:
            return float(headers["retry-after-ms"]) / 1000
        return float(value) if not value or value[0].isdigit() else _until(value, headers["date"]) - 1.0
    except (ValueError, KeyError):
        return None


def _until(date: str, now: str) -> float:
    return (parsedate_to_datetime(date) - parsedate_to_datetime(now)).total_seconds()
