"""The console: the clients and their counts while they run; then what failed, by the law that it broke, in 40 lines.

It is three lines when nothing failed. Both counts have the line in them that says what files were written. Every single
case is in the report ``marks``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from rich.text import Text

from harness.events import Event, RunFinished
from harness.reporter import Table
from reports.console.page import Page
from reports.console.running import Running
from reports.console.summary import summary

LINES = 39
"""With the one that is printed after the report, 40."""


class Reporter:
    """Writes to a terminal, or to any other text stream without what moves a cursor."""

    suffix = ""

    def __init__(self, out: TextIO) -> None:
        self._page, self._table = Page(out), Table()
        self._running = Running(self._page)

    def take(self, event: Event) -> None:
        """Take the next event and show it."""
        self._table.take(event)
        self._running.take(event)
        if isinstance(event, RunFinished):
            self._page.print(self._lines())

    def _lines(self) -> Iterable[Text]:
        return summary(self._table, self._page, LINES)
