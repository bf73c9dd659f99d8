"""The console: a progress bar while it runs, then the matrix, then what every failure did to its user."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable
from rich.text import Text

from harness.events import CaseFinished, CaseStarted, Event, RunFinished, RunStarted
from harness.plain import plain
from harness.reporter import MARKS, Table
from harness.standing import Standing
from harness.verdict import Verdict

STYLES = {
    Standing.PASS: "green",
    Standing.FAIL: "bold red",
    Standing.UNKNOWN: "yellow",
    Standing.SKIP: "dim",
    Standing.KNOWN: "red",
    Standing.FIXED: "bold red",
}


class Reporter:
    """Writes to a terminal, or to any other text stream without colours and without the bar."""

    suffix = ""

    def __init__(self, out: TextIO) -> None:
        self._console = Console(
            markup=False,
            emoji=False,
            file=out,
            highlight=False,
            soft_wrap=not out.isatty(),
            width=None if out.isatty() else 118,
        )
        self._table = Table()
        self._progress = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[tally]}", style="red", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._failed = 0

    def take(self, event: Event) -> None:
        """Take the next event and show it."""
        self._table.take(event)
        match event:
            case RunStarted():
                self._task = self._progress.add_task("running", total=event.cases, tally="")
                self._progress.start()
            case CaseStarted():
                self._update(plain(event.case, 60), 0)
            case CaseFinished():
                self._failed += event.standing in (Standing.FAIL, Standing.FIXED)
                self._update(plain(event.case, 60), 1)
            case RunFinished():
                self._progress.stop()
                self._summary()

    def _update(self, description: str, advance: int) -> None:
        if self._task is not None:
            tally = f"{self._failed} ✗" if self._failed else ""
            self._progress.update(self._task, description=description, advance=advance, tally=tally)

    def _summary(self) -> None:
        self._console.print(self._matrix())
        for client in self._table.run.clients:
            self._findings(client)
        self._known()
        self._totals()

    def _matrix(self) -> RichTable:
        table = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
        table.add_column("scenarios")
        for client in self._table.run.clients:
            table.add_column(Text(plain(client)), overflow="fold")
        for family, scenarios in self._table.families().items():
            table.add_row(family, *(self._strip(client, scenarios) for client in self._table.run.clients))
        table.add_row("passed", *(self._share(client) for client in self._table.run.clients), style="bold")
        return table

    def _strip(self, client: str, scenarios: list[str]) -> Text:
        """One mark for each scenario of a family, in the order of the catalogue."""
        strip = Text()
        for scenario in scenarios:
            cell = self._table.cell(scenario, client)
            strip.append(MARKS[cell.standing] if cell else " ", STYLES[cell.standing] if cell else "")
        return strip

    def _share(self, client: str) -> str:
        passed, skipped = self._table.count(client, Verdict.PASS), self._table.count(client, Verdict.SKIP)
        return f"{passed} of {len(self._table.run.scenarios) - skipped}" + (f" ({skipped} skipped)" if skipped else "")

    def _findings(self, client: str) -> None:
        flaky = [case for case in self._table.flaky() if case.client == client and case.standing is Standing.PASS]
        for case in (*self._table.findings(client), *flaky):
            finding, stands = case.finding, case.standing
            line = Text("\n")
            line.append(f"{MARKS[stands]} {plain(client)}  {case.scenario}", STYLES[stands])
            told = [finding.harm if finding is not None else "", case.note]
            line.append("".join(f"\n  {plain(one)}" for one in told if one) or "\n  no law says why")
            law = f"{finding.law}: streamproof explain {finding.law} · " if finding is not None else ""
            line.append(f"\n  {plain(law)}{plain(self._table.replay(case))}", "dim")
            self._console.print(line)

    def _known(self) -> None:
        if expectations := self._table.expectations():
            self._console.print(f"\n{expectations}")
        for case in (one for client in self._table.run.clients for one in self._table.known(client)):
            line = Text(f"{MARKS[case.standing]} {plain(case.client)}  {case.scenario}", STYLES[case.standing])
            law = case.finding.law if case.finding is not None else ""
            self._console.print(line.append(f"  {plain(law)}, {plain(case.note)}", "dim"))

    def _totals(self) -> None:
        run, end = self._table.run, self._table.end
        versions = ", ".join(f"{plain(name)} {plain(version)}" for name, version in run.versions.items())
        done = sum(1 for _ in self._table.cases())
        interrupted = ", interrupted" if end.interrupted else ""
        flaky = f"; {len(self._table.flaky())} flaky" if self._table.flaky() else ""
        self._console.print(
            f"\n{done} of {run.cases} cases in {self._table.duration}{interrupted}{flaky}; seed {plain(run.seed)}"
        )
        known = "  x known failure  ! known failure that passed" if self._table.expectations() else ""
        self._console.print(f"{versions}; marks: ✓ passed  ✗ failed  ? unknown  – skipped{known}", style="dim")
