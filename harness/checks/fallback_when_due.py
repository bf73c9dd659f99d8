from __future__ import annotations

from harness.attempt import Attempt
from harness.history import Case
from harness.law import law
from harness.model import Capability
from harness.verdict import PASSED, Ruling, failed, skipped

_FAILED_STREAMS = 2
_IN_TIME = 0.5
"""The part of the client's patience in which a head came in time: the network may have delayed the request as well."""
_LONGEST_ANSWER = 21_333
"""``max_tokens`` above which the API takes no request without streaming (it could take longer than ten minutes)."""


@law("SP17", rank=13, tolerates=0.3)
def fallback_when_due(case: Case) -> Ruling:
    """The answer is asked for without streaming after two failed streams: not earlier, and not later.

    A failed stream is one that began (a 200 event stream) and broke before the end of the answer. Refusals by status
    are not streams. A stream that has its end and some damage may have failed or not, and one that began late may have
    begun when its client had left: they count for neither side. A request that is invalid tells neither whether it
    streams nor what for. No fallback is due where the answer may be too long for it. Another model or server is counted
    by itself.
    """
    if not case.can(Capability.FALLBACK):
        return skipped("the client has no fallback")
    if case.is_held_up:
        return skipped("the network has held requests up: the server saw them late, perhaps in another order")
    surely = possibly = 0
    before: Attempt | None = None
    for attempt in case.attempts:
        if attempt.is_invalid:
            continue
        if before is not None and _target(attempt) != _target(before):
            surely = possibly = 0
        before = attempt
        streams = attempt.requested.streams
        if streams and surely >= _FAILED_STREAMS and _may_fall_back(attempt):
            return failed(f"request {attempt.number} streamed again after {surely} failed streams")
        if not streams and possibly < _FAILED_STREAMS:
            return failed(f"request {attempt.number} gave up streaming after {possibly} failed streams")
        began = streams and attempt.response.status == 200
        possibly += began
        surely += began and _surely_failed(attempt, case.info.limits.first_byte)
    return PASSED


def _surely_failed(attempt: Attempt, patience: float) -> bool:
    """Whether the client must have taken it for a stream, and for one that broke."""
    is_late = attempt.head_took > patience * _IN_TIME
    return attempt.has_plain_head and not (attempt.response.terminal or attempt.may_be_unread or is_late)


def _target(attempt: Attempt) -> tuple[str, object]:
    return attempt.requested.path, attempt.requested.body.get("model")


def _may_fall_back(attempt: Attempt) -> bool:
    body = attempt.requested.body
    asked = (body.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"))
    return max((most for most in asked if isinstance(most, int)), default=0) <= _LONGEST_ANSWER
