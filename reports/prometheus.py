"""Metrics of the last run, for the textfile collector of Prometheus' node_exporter.

Counts are by family and not by scenario, so one client is some hundred series and stays so, whatever fails; a seed is
no label, or every run would make series of its own. node_exporter tells the age of the file itself, in
``node_textfile_mtime_seconds``, and takes no timestamps. Format: "Exposition formats" in Prometheus' documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from harness.events import Event, RunFinished
from harness.plain import plain
from harness.reporter import Table
from harness.verdict import Verdict

Sample = tuple[dict[str, str], float]


class Reporter:
    """Writes one file at the end of the run; move it to where node_exporter reads it, which must not see half of it."""

    suffix = "prom"

    def __init__(self, out: TextIO) -> None:
        self._out, self._table = out, Table()

    def take(self, event: Event) -> None:
        """Take the next event; the last one writes the file."""
        self._table.take(event)
        if isinstance(event, RunFinished):
            self._out.write("".join(f"{line}\n" for line in _lines(self._table)))


def _lines(table: Table) -> Iterator[str]:
    run, end = table.run, table.end
    yield from _gauge("cases", "Finished cases of the last run.", _counts(table))
    yield from _gauge(
        "cases_to_look_at", "Cases that failed, are unknown, or passed though known to fail.", _bad(table)
    )
    yield from _gauge("case_seconds", "What the cases of the last run took, one after the other.", _seconds(table))
    yield from _gauge("client_info", "The clients of the last run, and their versions.", _clients(table))
    yield from _gauge("run_cases", "Cases that the last run was to finish.", [({}, run.cases)])
    yield from _gauge("run_interrupted", "Whether the last run ended before that.", [({}, end.interrupted)])
    if end.seconds is not None:
        yield from _gauge("run_seconds", "What the last run took.", [({}, end.seconds)])


def _counts(table: Table) -> list[Sample]:
    """All verdicts, also of which there is none: a series that comes and goes cannot be compared with itself."""
    return [
        ({"client": client, "family": family, "verdict": verdict}, table.count(client, verdict, scenarios))
        for client in table.run.clients
        for family, scenarios in table.families().items()
        for verdict in Verdict
    ]


def _bad(table: Table) -> list[Sample]:
    return [({"client": client}, len(table.findings(client))) for client in table.run.clients]


def _seconds(table: Table) -> list[Sample]:
    cases = list(table.cases())
    return [({"client": one}, sum(case.seconds for case in cases if case.client == one)) for one in table.run.clients]


def _clients(table: Table) -> list[Sample]:
    return [({"client": one, "version": table.run.versions.get(one, "")}, 1) for one in table.run.clients]


def _gauge(name: str, told: str, samples: list[Sample]) -> Iterator[str]:
    yield f"# HELP streamproof_{name} {told}"
    yield f"# TYPE streamproof_{name} gauge"
    for labels, value in samples:
        said = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"streamproof_{name}{{{said}}} {float(value)}" if said else f"streamproof_{name} {float(value)}"


def _escaped(text: str) -> str:
    return plain(text).replace("\\", "\\\\").replace('"', '\\"')
