from __future__ import annotations

from harness.history import Case
from harness.law import law, too_late
from harness.model import Outcome, Policy
from harness.verdict import PASSED, Ruling, failed, skipped, unknown

_LATE_SECONDS = 0.3
_ENDS = ("end_turn", "stop_sequence", "tool_use")
_CUT_BY_THE_MODEL = (Outcome.TRUNCATED, Outcome.PAUSED, Outcome.REFUSED)


@law("SP07", rank=6)
def outcome_is_right(case: Case) -> Ruling:
    """A call ends as its policy promises.

    ``recover`` delivers the answer wherever that is possible; ``raise`` and ``best-effort`` may give up on a real
    fault. Nobody may give up on a stream that is only unusual, and an answer that the model cut short is not a
    complete one.
    """
    finished = case.finished
    if finished is None:
        return skipped("the call did not end by itself")
    expect, got = case.info.expect, finished.outcome
    right = expect.right(case.info.policy)
    if expect.outcome is Outcome.CANCELLED and not case.cancelled:
        return unknown("the call had ended before it could be cancelled")
    if got is Outcome.COMPLETE and expect.outcome in _CUT_BY_THE_MODEL and _was_cut(case):
        return failed(f"an answer that was {expect.outcome} by the model passed for a complete one")
    if got in right:
        return PASSED
    gave_up = got in (Outcome.INCOMPLETE, Outcome.FAILED) and _may_have_timed_out(case)
    if gave_up and (late := too_late(case, _LATE_SECONDS)):
        return unknown(f"{late}: the client's deadlines may have passed for that")
    cause = f" ({finished.error.name}: {finished.error.message[:100]})" if finished.error is not None else ""
    whole = any(case.info.texts) and case.displayed in case.info.texts
    return failed(_sentence(expect.outcome, got, expect.may_fail, case.info.policy, whole=whole) + cause)


def _was_cut(case: Case) -> bool:
    """Whether the last reply does not say that the model was at its end."""
    return not case.attempts or case.attempts[-1].response.stop_reason not in _ENDS


def _may_have_timed_out(case: Case) -> bool:
    """Whether the client closed a connection before the end of an answer was sent."""
    return any(
        one.ended is not None and one.ended.how == "peer_closed" and not one.response.terminal for one in case.attempts
    )


def _sentence(wanted: Outcome, got: Outcome, real: bool, policy: Policy, *, whole: bool) -> str:
    if got is Outcome.COMPLETE:
        return f"the user was told that the answer is complete; it was {wanted}"
    if wanted is Outcome.COMPLETE and real and policy is Policy.RECOVER:
        return f"the client gave up ({got}) where the whole answer could still be had"
    if wanted is Outcome.COMPLETE and whole:
        return "the whole answer was on display, and then the call failed"
    if wanted is Outcome.COMPLETE:
        return f"a good answer was lost: the call ended {got}"
    return f"the call ended {got} where {wanted} is the truth"
