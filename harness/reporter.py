"""What a reporter is: something that takes events and writes. Shared by all of them: the run as a table.

A reporter is one file in ``reports`` with a class ``Reporter``; it reads events and nothing else, so every report can
be made again from the JSON-lines history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Protocol, TextIO

from harness import again
from harness.events import CaseFinished, Event, RunFinished, RunStarted
from harness.standing import ATTENTION, Standing
from harness.verdict import Verdict

MARKS = {
    Standing.PASS: "✓",
    Standing.FAIL: "✗",
    Standing.UNKNOWN: "?",
    Standing.SKIP: "–",
    Standing.KNOWN: "x",
    Standing.FIXED: "!",
}
"""One character for each way in which a case may stand."""


class Watcher(Protocol):
    """Takes each event of a run once, in order."""

    def take(self, event: Event) -> None:
        """Take the next event. The last is :class:`~harness.events.RunFinished`; nothing comes after it."""
        ...


class Reporter(Watcher, Protocol):
    """Makes a report of them."""

    suffix: str
    """Of the file that it writes, such as ``html``; empty for what is meant for the standard output."""

    def __init__(self, out: TextIO) -> None: ...


class Table:
    """The run as a table of scenarios and clients, filled event by event."""

    def __init__(self) -> None:
        self.run = RunStarted(seed="", clients=(), versions={}, scenarios=(), cases=0)
        self.end = RunFinished(counts={})
        self._cells: dict[tuple[str, str], CaseFinished] = {}

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case RunStarted():
                self.run = event
            case CaseFinished():
                self._cells[event.scenario, event.client] = event
            case RunFinished():
                self.end = event

    def cell(self, scenario: str, client: str) -> CaseFinished | None:
        """The case of ``scenario`` and ``client``, None when it did not finish."""
        return self._cells.get((scenario, client))

    def cases(self) -> Iterator[CaseFinished]:
        """All finished cases, by client and then in the order of the catalogue, whatever finished first."""
        for client in self.run.clients:
            for scenario in self.run.scenarios:
                if (case := self.cell(scenario, client)) is not None:
                    yield case

    def families(self) -> dict[str, list[str]]:
        """Scenario ids by family, both in the order of the catalogue."""
        families: dict[str, list[str]] = {}
        for scenario in self.run.scenarios:
            families.setdefault(scenario.partition(".")[0], []).append(scenario)
        return families

    def count(self, client: str, what: Verdict | Standing, scenarios: Iterable[str] | None = None) -> int:
        """How many cases of ``client`` have this verdict, or stand so to what was known of them."""
        cells = (self.cell(scenario, client) for scenario in (self.run.scenarios if scenarios is None else scenarios))
        found = (cell for cell in cells if cell is not None)
        return sum((cell.verdict if isinstance(what, Verdict) else cell.standing) is what for cell in found)

    @property
    def duration(self) -> str:
        """How long the run took, in words."""
        return "an unknown time" if self.end.seconds is None else f"{self.end.seconds:.1f} s"

    def replay(self, case: CaseFinished) -> str:
        """The command that runs ``case`` again as it was."""
        return again.replay(case.case, self.options(case.client))

    def options(self, client: str) -> str:
        """What has to be said to ``streamproof replay`` beside a case of ``client``."""
        return again.options(client, self.run.asked_for.get(client, client), self.run.policy)

    def findings(self, client: str) -> list[CaseFinished]:
        """The cases of ``client`` that somebody has to look at: failed, unknown, or passing though known to fail."""
        return [case for case in self.cases() if case.client == client and case.standing in ATTENTION]

    def known(self, client: str) -> list[CaseFinished]:
        """The cases of ``client`` that failed as they are known to."""
        return [case for case in self.cases() if case.client == client and case.standing is Standing.KNOWN]

    def flaky(self) -> list[CaseFinished]:
        """The cases whose tries ended in different verdicts."""
        return [case for case in self.cases() if case.is_flaky]

    def expectations(self) -> str:
        """What came of the failures that were known, in words; empty when none was."""
        cases = [case for case in self.cases() if case.known is not None]
        stands = Counter(case.standing for case in cases)
        unproven = stands[Standing.UNKNOWN] + stands[Standing.SKIP]
        unexplained = sum(1 for case in cases if case.known is not None and not case.known.has_reason)
        parts = [f"{stands[Standing.KNOWN]} failed as known"]
        parts += [f"{count} by another law" for count in [stands[Standing.FAIL]] if count]
        parts += [f"{count} passed: remove from the file" for count in [stands[Standing.FIXED]] if count]
        parts += [f"{count} passed this time (flaky)" for count in [stands[Standing.PASS]] if count]
        parts += [f"{unproven} neither confirmed nor refuted (unknown or skipped)"] if unproven else []
        parts += [f"{unexplained} without a reason"] if unexplained else []
        return f"known failures: {', '.join(parts)}" if cases else ""
