"""What a reporter is: something that takes events and writes. Shared by all of them: the run as a table.

A reporter is one file in ``reports`` with a class ``Reporter``; it reads events and nothing else, so every report can
be made again from the JSON-lines history.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import Protocol, TextIO

from harness.events import CaseFinished, Event, RunFinished, RunStarted
from harness.verdict import Verdict


class Reporter(Protocol):
    """Takes each event of a run once, in order."""

    suffix: str
    """Of the file that it writes, such as ``html``."""

    def __init__(self, out: TextIO) -> None: ...

    def take(self, event: Event) -> None:
        """Take the next event. The last is :class:`~harness.events.RunFinished`; nothing comes after it."""
        ...


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

    def count(self, client: str, verdict: Verdict, scenarios: Iterable[str] | None = None) -> int:
        """How many cases of ``client`` have ``verdict``."""
        cells = (self.cell(scenario, client) for scenario in (self.run.scenarios if scenarios is None else scenarios))
        return sum(1 for cell in cells if cell is not None and cell.verdict is verdict)

    @property
    def duration(self) -> str:
        """How long the run took, in words."""
        return "an unknown time" if self.end.seconds is None else f"{self.end.seconds:.1f} s"

    def replay(self, case: CaseFinished) -> str:
        """The command that runs ``case`` again as it was."""
        policy = f" --policy {self.run.policy}" if self.run.policy is not None else ""
        return f"streamproof replay {shlex.quote(case.case)}{policy}"

    def findings(self, client: str) -> list[CaseFinished]:
        """The cases of ``client`` that failed or are unknown."""
        bad = (Verdict.FAIL, Verdict.UNKNOWN)
        return [case for case in self.cases() if case.client == client and case.verdict in bad]
