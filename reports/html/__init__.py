"""One self-contained HTML file: how the run went, the matrix, and behind each cell what happened on both sides.

The file loads nothing, and its policy lets only its own script run. Histories are packed as they come, one block for
each chapter, and unpacked in the browser when somebody looks into a case. Without JavaScript it is a summary with every
finding and its command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

import msgspec

from harness.comparing import Side
from harness.events import CaseFinished, Event, RunFinished
from harness.reporter import Table
from reports.html import cell
from reports.html.page import Chapter, Page, rendered


class Reporter:
    """Writes one HTML file at the end of the run."""

    suffix = "html"

    def __init__(self, out: TextIO) -> None:
        self._out, self._table = out, Table()
        self._chapters: dict[str, Chapter] = {}
        self._baseline: Side | None = None
        self._earlier: tuple[Side, ...] = ()

    def compare(self, baseline: Side | None, earlier: Sequence[Side]) -> None:
        """Show what changed against ``baseline``, and how failures went over the ``earlier`` runs."""
        self._baseline, self._earlier = baseline, tuple(earlier)

    def take(self, event: Event) -> None:
        """Take the next event; the last one writes the file."""
        if isinstance(event, CaseFinished):
            chapter = self._chapters.setdefault(event.scenario.partition(".")[0], Chapter())
            chapter.cells[event.scenario, event.client] = cell.packed(event, chapter.pool)
            event = msgspec.structs.replace(event, record=None)  # what the page keeps of it is packed
        self._table.take(event)
        if isinstance(event, RunFinished):
            page = Page(table=self._table, chapters=self._chapters, baseline=self._baseline, earlier=self._earlier)
            self._out.write(rendered(page))
