from __future__ import annotations

from harness.attempt import Attempt
from harness.history import Case
from harness.law import law
from harness.model import Capability, Outcome, Policy
from harness.toxiproxy.events import Opened
from harness.verdict import PASSED, Ruling, failed, skipped

ENDS = {
    "end_turn": Outcome.COMPLETE,
    "stop_sequence": Outcome.COMPLETE,
    "tool_use": Outcome.COMPLETE,
    "max_tokens": Outcome.TRUNCATED,
    "model_context_window_exceeded": Outcome.TRUNCATED,
    "refusal": Outcome.REFUSED,
    "pause_turn": Outcome.PAUSED,
}
"""How a call ends whose answer has this ``stop_reason``."""
_GAVE_UP = (Outcome.INCOMPLETE, Outcome.FAILED)
_PASSES = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""Statuses of errors that pass."""

_STAYS = frozenset({"insufficient_quota"})
"""Errors with such a status that do not: the bill must be paid first (OpenAI, "Error codes")."""


@law("SP28", rank=6, tolerates=0.3)
def wire_decides(case: Case) -> Ruling:
    """The last reply on the wire decides how a call ends.

    A stream that came whole and in good order is an answer, and ends as its ``stop_reason`` says; nobody may lose it,
    but who promises no recovery and has shown the beginning of another one. And who promises to recover does not stop
    asking while requests are left, when all that went wrong is what passes: a broken connection, a 429, a 529.
    """
    finished = case.finished
    if finished is None or not case.attempts or case.cancelled:
        return skipped("the call did not end by itself")
    if case.is_held_up:
        return skipped("the network has held requests up: the server saw them late, perhaps in another order")
    if sum(isinstance(one, Opened) for one in case.network) > len(case.attempts):
        return skipped("a request may have been lost in the network behind the last one that the server saw")
    if case.is_counted:
        return skipped("nobody knows when what was counted reached the client")
    last = case.attempts[-1]
    if not last.whole:
        return skipped("not all bytes of the last reply are in the history")
    if last.is_answer:
        return _of_an_answer(case, last, finished.outcome)
    if case.network:
        return PASSED  # a request that nobody saw may have failed after it
    if finished.outcome in _GAVE_UP and case.info.policy is Policy.RECOVER and _passes(last) and _may_go_on(case):
        made = f"{len(case.attempts)} of {case.info.max_attempts} requests"
        return failed(
            f"the client gave up ({finished.outcome}) after {made}, and what had gone wrong would have passed"
        )
    return PASSED


def _of_an_answer(case: Case, last: Attempt, outcome: Outcome) -> Ruling:
    right = ENDS.get(last.told.stop_reason or "")
    if right in (None, Outcome.PAUSED) or (right is not Outcome.COMPLETE and not case.can(Capability.OUTCOMES)):
        return skipped("not every client knows this stop_reason")
    if outcome is right:
        return PASSED
    if outcome in _GAVE_UP and case.says_another(last):
        return PASSED
    if outcome in _GAVE_UP:
        return failed(f"a good answer was lost: the last reply was whole and in order, and the call ended {outcome}")
    return failed(f"the call ended {outcome}; the last reply says {last.told.stop_reason}")


def _passes(attempt: Attempt) -> bool:
    """Whether what went wrong is sure to be of the kind that passes: a stream that broke off, or a status."""
    response = attempt.response
    if response.status != 200:
        return response.status is None or (response.status in _PASSES and response.error_kind not in _STAYS)
    return not attempt.told.flaw and not response.terminal and attempt.has_plain_head


def _may_go_on(case: Case) -> bool:
    hints = {name for one in case.attempts for name in one.response.headers} & {"retry-after", "x-should-retry"}
    return len(case.attempts) < case.info.max_attempts and not hints
