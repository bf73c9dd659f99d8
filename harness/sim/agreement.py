"""Whether a simulation and the real sockets tell the same of a case. Pure.

The law: the same verdict for the same reasons, the same outcome, and the same text; but of a call that did not end with
an answer one text may be the beginning of the other, because a RST discards what was not read yet, and how much that
was is chance in a simulation and a matter of time on a socket.
"""

from __future__ import annotations

from harness.events import CaseFinished
from harness.history import Case
from harness.model import Outcome
from harness.verdict import Verdict

_ANSWERED = (Outcome.COMPLETE, Outcome.TRUNCATED, Outcome.REFUSED, Outcome.PAUSED)


def difference(simulated: CaseFinished, live: CaseFinished) -> str:
    """In what they differ, in one sentence; empty when they agree."""
    if simulated.verdict is not live.verdict or _broken(simulated) != _broken(live):
        return f"{_told(simulated)} in the simulation and {_told(live)} on sockets"
    if simulated.record is None or live.record is None:
        return ""
    one, two = Case(simulated.record), Case(live.record)
    if _outcome(one) != _outcome(two):
        return f"it ended {_outcome(one)} in the simulation and {_outcome(two)} on sockets"
    longer, shorter = sorted((one.final_text, two.final_text), key=len, reverse=True)
    if longer.startswith(shorter) and (longer == shorter or _outcome(one) not in _ANSWERED):
        return ""
    return f"the texts differ: {len(one.final_text)} characters in the simulation, {len(two.final_text)} on sockets"


def _broken(result: CaseFinished) -> set[str]:
    return {one.law for one in result.rulings if one.verdict is Verdict.FAIL}


def _told(result: CaseFinished) -> str:
    laws = ", ".join(sorted(_broken(result)))
    return f"{result.verdict.value}{f' ({laws})' if laws else ''}"


def _outcome(case: Case) -> str:
    if case.finished is not None:
        return case.finished.outcome
    return "timed out" if case.timed_out is not None else "cancelled"
