"""One self-contained HTML file: the matrix, and behind each cell what was expected and what happened on both sides."""

from __future__ import annotations

from importlib.resources import files
from typing import TextIO

from jinja2 import Environment, StrictUndefined

from harness.events import Event, RunFinished
from harness.plain import plain
from harness.reporter import MARKS, Table
from harness.timeline import timeline


class Reporter:
    """Writes one HTML file at the end. What came over the wire is escaped twice: made visible, then quoted."""

    suffix = "html"

    def __init__(self, out: TextIO) -> None:
        self._out, self._table = out, Table()

    def take(self, event: Event) -> None:
        """Take the next event; the last one writes the file."""
        self._table.take(event)
        if isinstance(event, RunFinished):
            environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
            environment.filters["plain"] = plain
            environment.filters["timeline"] = timeline
            template = environment.from_string((files(__package__) / "report.html.jinja").read_text("utf-8"))
            self._out.write(template.render(table=self._table, run=self._table.run, end=self._table.end, marks=MARKS))
