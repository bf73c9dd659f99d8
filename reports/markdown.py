"""Markdown, fit for the summary of a CI job: the matrix by family, then every finding."""

from __future__ import annotations

import re
from typing import TextIO

from harness.events import CaseFinished, Event, RunFinished
from harness.plain import plain
from harness.reporter import MARKS, Table
from harness.standing import Standing

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|<>~&])")
_MOST_FINDINGS = 500
"""A job summary is cut at 1 MiB; what is left out is counted."""


class Reporter:
    """Writes one Markdown file at the end of the run."""

    suffix = "md"

    def __init__(self, out: TextIO) -> None:
        self._out, self._table = out, Table()

    def take(self, event: Event) -> None:
        """Take the next event; the last one writes the file."""
        self._table.take(event)
        if isinstance(event, RunFinished):
            self._out.write(
                "\n".join(
                    [*_matrix(self._table), "", *_findings(self._table), *_flaky(self._table), *_known(self._table), ""]
                )
            )


def escape(text: str) -> str:
    """``text`` as text: nothing in it is markup, HTML or the end of a table cell."""
    return _MARKUP.sub(r"\\\1", plain(text)).replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\\&", "&amp;")


def code(text: str) -> str:
    """``text`` as code; a code span of backticks would end at the first one in the text, and cannot hold a pipe."""
    return f"<code>{escape(text)}</code>"


def _matrix(table: Table) -> list[str]:
    run, end = table.run, table.end
    note = " — **interrupted**" if end.interrupted else ""
    clients = [f"{escape(name)} {escape(run.versions.get(name, ''))}" for name in run.clients]
    lines = [f"## streamproof: {run.cases} cases, seed {code(run.seed)}{note}", ""]
    lines += ["| family | " + " | ".join(clients) + " |", "|---" * (len(clients) + 1) + "|"]
    for family, scenarios in table.families().items():
        cells = (_cell(table, client, scenarios) for client in run.clients)
        lines.append(f"| {escape(family)} | " + " | ".join(cells) + " |")
    lines.append("| **all** | " + " | ".join(f"**{_cell(table, one, None)}**" for one in run.clients) + " |")
    return lines


def _cell(table: Table, client: str, scenarios: list[str] | None) -> str:
    counts = {stands: table.count(client, stands, scenarios) for stands in Standing}
    return " ".join(f"{count} {MARKS[stands]}" for stands, count in counts.items() if count) or "not run"


def _findings(table: Table) -> list[str]:
    lines: list[str] = []
    for client in table.run.clients:
        findings = table.findings(client)
        if findings:
            lines += [f"<details><summary>{escape(client)}: {len(findings)} findings</summary>", ""]
            lines += ["| scenario | what the user saw | law | replay |", "|---|---|---|---|"]
            lines += [_row(case, table) for case in findings[:_MOST_FINDINGS]]
            left = len(findings) - _MOST_FINDINGS
            lines += ["", *([f"… and {left} more."] if left > 0 else []), "</details>", ""]
    return lines


def _row(case: CaseFinished, table: Table) -> str:
    finding = case.finding
    harm, law = (finding.harm, finding.law) if finding is not None else ("", "")
    mark = "unknown: " if case.standing is Standing.UNKNOWN else ""
    told = f"{mark}{harm}{' — ' if harm and case.note else ''}{case.note}"
    return f"| {escape(case.scenario)} | {escape(told)} | {escape(law)} | {code(table.replay(case))} |"


def _flaky(table: Table) -> list[str]:
    """Every case whose tries ended in different verdicts, whatever it counts as."""
    if not (flaky := table.flaky()):
        return []
    lines = [f"<details><summary>{len(flaky)} flaky: tried up to {table.run.tries} times</summary>", ""]
    lines += ["| client | scenario | counts as | tries |", "|---|---|---|---|"]
    for case in flaky[:_MOST_FINDINGS]:
        tries = ", ".join(f"{one.verdict} {one.law}".strip() for one in case.tries)
        lines.append(f"| {escape(case.client)} | {escape(case.scenario)} | {case.verdict} | {escape(tries)} |")
    return [*lines, "", "</details>", ""]


def _known(table: Table) -> list[str]:
    known = [case for client in table.run.clients for case in table.known(client)]
    if not (expectations := table.expectations()):
        return []
    lines = [f"<details><summary>{escape(expectations)}</summary>", ""]
    lines += ["| client | scenario | law | known failure |", "|---|---|---|---|"] if known else []
    for case in known[:_MOST_FINDINGS]:
        law = case.finding.law if case.finding is not None else ""
        lines.append(f"| {escape(case.client)} | {escape(case.scenario)} | {escape(law)} | {escape(case.note)} |")
    left = len(known) - _MOST_FINDINGS
    return [*lines, "", *([f"… and {left} more."] if left > 0 else []), "</details>", ""]
