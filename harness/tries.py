"""Several tries of one case: which are tried again, and what they come to. Pure.

Other people's clients run in real time, so one result may be chance. A case that failed or is unknown may be tried
again, as long as it does not pass. What counts:

* FAIL, if any try failed. What happened once happens to somebody; a later pass takes nothing back.
* Else PASS, if one passed. An UNKNOWN says nothing of the client, only that this try could not be judged.
* Else UNKNOWN.

When verdicts that say something differ the case is flaky, whatever it counts as, and every report says so.

An UNKNOWN is tried twice in any case: mostly this machine came late, and the second time little runs beside it. Not so
one that the adapter is to blame for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from harness.events import CaseFinished, CaseTried, Event, Judged
from harness.law import ADAPTER
from harness.standing import Try
from harness.verdict import Verdict

_AGAIN = (Verdict.FAIL, Verdict.UNKNOWN)
"""The verdicts that are worth another try."""
_UNKNOWN_AT_LEAST = 2
"""Tries of a case that is unknown, however few were asked for."""
_DECIDES = (Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.SKIP)


def goes_again(case: CaseFinished, nth: int, most: int) -> bool:
    """Whether a case that ended so in its ``nth`` try is tried once more, when ``most`` tries were asked for."""
    if case.verdict is Verdict.UNKNOWN and case.finding is not None and case.finding.law != ADAPTER:
        most = max(most, _UNKNOWN_AT_LEAST)
    return nth < most and case.verdict in _AGAIN


def tried(case: CaseFinished, nth: int) -> CaseTried:
    """``case`` as one of several tries."""
    return CaseTried(**_judgement(case), nth=nth)


def settled(tries: Sequence[CaseTried]) -> CaseFinished:
    """What the tries of one case come to: the first of those that decide, and how all of them ended."""
    decides = min(tries, key=lambda one: _DECIDES.index(one.verdict))
    ends = tuple(Try(verdict=one.verdict, law=one.finding.law if one.finding else "") for one in tries)
    return CaseFinished(**_judgement(decides), tries=ends if len(ends) > 1 else ())


def _judgement(one: Judged) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Judged.__struct_fields__ if name != "number"}


class Tally:
    """How far a run is: verdicts by client, and the cases that were tried and are not finished."""

    def __init__(self, clients: Iterable[str] = ()) -> None:
        self._counts: dict[str, Counter[Verdict]] = {client: Counter() for client in clients}
        self._tries: dict[str, list[CaseTried]] = {}

    def take(self, event: Event) -> None:
        """Take the next event of a run."""
        match event:
            case CaseTried():
                self._tries.setdefault(event.case, []).append(event)
            case CaseFinished():
                self._tries.pop(event.case, None)
                self._counts.setdefault(event.client, Counter())[event.verdict] += 1
            case _:
                pass

    @property
    def counts(self) -> dict[str, dict[Verdict, int]]:
        """How many cases of each client ended in each verdict."""
        return {client: dict(one) for client, one in self._counts.items()}

    @property
    def finished(self) -> int:
        """How many cases are finished."""
        return sum(one.total() for one in self._counts.values())

    def tries(self, case: str) -> Sequence[CaseTried]:
        """The tries so far of a case that is not finished."""
        return self._tries.get(case, ())

    def settle(self) -> Iterator[CaseFinished]:
        """Finish every case that was tried, by the tries that it had: the run ends early."""
        for tries in list(self._tries.values()):
            case = settled(tries)
            self.take(case)
            yield case
