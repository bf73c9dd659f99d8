"""The matrix of marks, one for each scenario and client; then what every failure did to its user, one after the other.

It is what the console prints of a run with ``--verbose``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from harness.events import CaseFinished
from harness.plain import plain
from harness.reporter import MARKS
from harness.standing import Standing
from harness.verdict import Verdict
from reports import console
from reports.console.clients import STYLES
from reports.console.summary import totals

_GAP = 3
_READABLE = 118
"""Columns of the matrix where nobody says how many there are."""


class Reporter(console.Reporter):
    """As the console's, with other lines at the end."""

    def _lines(self) -> Iterator[Text]:
        yield from self._matrix(self._page.width or _READABLE)
        for client in self._table.run.clients:
            flaky = [case for case in self._table.flaky() if case.client == client and case.standing is Standing.PASS]
            for case in (*self._table.findings(client), *flaky):
                yield from self._finding(case)
        yield from self._known()
        yield from self._totals()

    # ---- the matrix

    def _matrix(self, width: int) -> Iterator[Text]:
        """As many clients beside each other as there is room for, then the next ones."""
        names = max(cell_len(plain(one)) for one in (*self._table.families(), "scenarios")) + _GAP
        room = width - names
        sizes = {client: self._size(client) for client in self._table.run.clients}
        is_narrow = any(size > room for size in sizes.values())
        for nth, band in enumerate([[one] for one in sizes] if is_narrow else _bands(sizes, room)):
            yield from [Text()] if nth else []
            yield from self._under(band[0]) if is_narrow else self._beside(band, names, sizes)

    def _size(self, client: str) -> int:
        """Columns for a client."""
        strips = (len(scenarios) for scenarios in self._table.families().values())
        return max(cell_len(plain(client)), len(self._share(client)), *strips)

    def _beside(self, band: Sequence[str], names: int, sizes: dict[str, int]) -> Iterator[Text]:
        cells = [Text(plain(client)) for client in band]
        yield _row("scenarios", names, cells, [sizes[one] for one in band], "bold")
        for family, scenarios in self._table.families().items():
            strips = [self._strip(client, scenarios) for client in band]
            yield _row(plain(family), names, strips, [sizes[one] for one in band])
        shares = [Text(self._share(client)) for client in band]
        yield _row("passed", names, shares, [sizes[one] for one in band], "bold")

    def _under(self, client: str) -> Iterator[Text]:
        """One client, where not even its marks have room beside the name of the family."""
        yield Text(plain(client), "bold")
        for family, scenarios in self._table.families().items():
            yield Text(plain(family))
            yield Text("  ").append_text(self._strip(client, scenarios))
        yield Text(f"passed {self._share(client)}", "bold")

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

    # ---- what it means

    def _finding(self, case: CaseFinished) -> Iterator[Text]:
        finding, stands = case.finding, case.standing
        told = [one for one in (finding.harm if finding is not None else "", case.note) if one] or ["no law says why"]
        law = f"{finding.law}: streamproof explain {finding.law} · " if finding is not None else ""
        yield Text()
        yield Text(f"{MARKS[stands]} {plain(case.client)}  {plain(case.scenario)}", STYLES[stands])
        yield from (Text(f"  {plain(one)}") for one in told)
        yield Text(f"  {plain(law)}{plain(self._table.replay(case))}", "dim")

    def _known(self) -> Iterator[Text]:
        if expectations := self._table.expectations():
            yield from (Text(), Text(expectations))
        for case in (one for client in self._table.run.clients for one in self._table.known(client)):
            line = Text(f"{MARKS[case.standing]} {plain(case.client)}  {plain(case.scenario)}", STYLES[case.standing])
            law = case.finding.law if case.finding is not None else ""
            yield line.append(f"  {plain(law)}, {plain(case.note)}", "dim")

    def _totals(self) -> Iterator[Text]:
        versions = ", ".join(f"{plain(name)} {plain(version)}" for name, version in self._table.run.versions.items())
        known = "  x known failure  ! known failure that passed" if self._table.expectations() else ""
        yield from (Text(), totals(self._table))
        yield Text(f"{versions}; marks: ✓ passed  ✗ failed  ? unknown  – skipped{known}", "dim")


def _bands(sizes: dict[str, int], room: int) -> list[list[str]]:
    """The clients in groups that have room beside each other."""
    bands: list[list[str]] = []
    left = 0
    for client, size in sizes.items():
        if not bands or size > left:
            bands.append([])
            left = room
        bands[-1].append(client)
        left -= size + _GAP
    return bands


def _row(name: str, names: int, cells: Sequence[Text], sizes: Sequence[int], style: str = "") -> Text:
    row = Text(name.ljust(names), style)
    for cell, size in zip(cells, sizes, strict=True):
        row.append_text(cell).append(" " * (size + _GAP - cell.cell_len))
    row.rstrip()
    return row
