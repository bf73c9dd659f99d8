"""The matrix of cases and clients as JSON, to be kept and compared: verdicts, laws and harms, without histories.

It is made to be committed: who passed is one line of a scenario, and each other cell is a line of its own.
"""

from __future__ import annotations

import json
from typing import Any, TextIO

from harness.events import CaseFinished, Event, RunFinished
from harness.plain import plain
from harness.reporter import Table
from harness.verdict import Verdict

Json = dict[str, Any]
FLAKY = "flaky"
"""Instead of a verdict: it passed, and not in every try."""


class Reporter:
    """Writes one JSON file at the end of the run."""

    suffix = "matrix.json"

    def __init__(self, out: TextIO) -> None:
        self._out, self._table = out, Table()

    def take(self, event: Event) -> None:
        """Take the next event; the last one writes the file."""
        self._table.take(event)
        if isinstance(event, RunFinished):
            self._out.write(_written(_head(self._table), _rows(self._table)))


def _head(table: Table) -> Json:
    run = table.run
    return {
        "date": run.date,
        "seed": plain(run.seed),
        "tries": run.tries,
        "versions": {plain(name): plain(one) for name, one in run.versions.items()},
        "counts": {plain(one): {str(verdict): table.count(one, verdict) for verdict in Verdict} for one in run.clients},
        "absent": {plain(one): plain(why) for one in run.clients if (why := _absent(table, one))},
    }


def _absent(table: Table, client: str) -> str:
    """Why none of its cases was run; empty when any was."""
    cases = [case for case in table.cases() if case.client == client]
    return cases[0].why if cases and all(case.record is None for case in cases) else ""


def _rows(table: Table) -> dict[str, Json]:
    cases = [case for case in table.cases() if not _absent(table, case.client)]
    rows: dict[str, Json] = {plain(case.scenario): {"pass": []} for case in cases}
    for case in sorted(cases, key=lambda one: one.client):
        row = rows[plain(case.scenario)]
        if case.verdict is Verdict.PASS and not case.is_flaky:
            row["pass"].append(plain(case.client))
        else:
            name = FLAKY if case.verdict is Verdict.PASS else str(case.verdict)
            row.setdefault(name, {})[plain(case.client)] = _cell(case)
    return rows


def _cell(case: CaseFinished) -> Json:
    cell: Json = {}
    if case.finding is not None:
        cell |= {"law": plain(case.finding.law), "harm": plain(case.finding.harm)}
    elif case.why:
        cell |= {"why": plain(case.why)}
    if case.is_flaky:
        cell |= {"tries": [str(one.verdict) for one in case.tries]}
    return cell


def _written(head: Json, rows: dict[str, Json]) -> str:
    """As JSON whose lines are what a difference between two runs should be told in."""
    top = "".join(f" {_json(name)}: {_json(value)},\n" for name, value in head.items())
    table = ",\n".join(f"  {_json(scenario)}: {{{_row(rows[scenario])}\n  }}" for scenario in sorted(rows))
    return f'{{\n{top} "cells": {{\n{table}\n }}\n}}\n'


def _row(row: Json) -> str:
    passed = f'\n   "pass": {_json(row["pass"])}'
    others = (f"\n   {_json(verdict)}: {{{_cells(row[verdict])}\n   }}" for verdict in sorted(row) if verdict != "pass")
    return ",".join([passed, *others])


def _cells(cells: Json) -> str:
    return ",".join(f"\n    {_json(client)}: {_json(cell)}" for client, cell in sorted(cells.items()))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
