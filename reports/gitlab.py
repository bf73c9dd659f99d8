"""GitLab's code quality report: an entry for each law that a client broke in a scenario.

A failure points at the line that defines its scenario. It is ``critical`` in a scenario that clients MUST pass,
``minor`` for SHOULD, ``info`` for INFO and for failures that are known. What is unknown is not the client's and not
here; the JUnit report has it, and GitLab shows both. Fields: "Code Quality report format" in GitLab's page on code
quality.
"""

from __future__ import annotations

import json
from typing import Any, TextIO

from harness.broken import Broken, broken, definition
from harness.events import Event, RunFinished
from harness.model import Level
from harness.plain import plain
from harness.reporter import Table

_SEVERITIES = {Level.MUST: "critical", Level.SHOULD: "minor", Level.INFO: "info"}


class Reporter:
    """Writes one JSON file at the end of the run; of a run without a failure it is an empty list."""

    suffix = "json"

    def __init__(self, out: TextIO) -> None:
        self._out, self._table = out, Table()

    def take(self, event: Event) -> None:
        """Take the next event; the last one writes the file."""
        self._table.take(event)
        if isinstance(event, RunFinished):
            found = [_entry(one, self._table) for case in self._table.cases() for one in broken(case)]
            json.dump(found, self._out, indent=1, ensure_ascii=False)
            self._out.write("\n")


def _entry(one: Broken, table: Table) -> dict[str, Any]:
    place = definition(one.case.scenario)
    said = f"{one.case.client} in {one.case.scenario}: {one.ruling.harm} · {table.replay(one.case)}"
    return {
        "description": plain(said),
        "check_name": f"streamproof/{plain(one.ruling.law)}",
        "fingerprint": one.fingerprint,
        "severity": "info" if one.is_known else _SEVERITIES[one.level],
        "location": {"path": place.path, "lines": {"begin": place.line}},
    }
