"""Markdown, fit for the summary of a CI job: the matrix by family, then every finding."""

from __future__ import annotations

import re
from typing import TextIO

from harness.events import CaseFinished, Event, RunFinished
from harness.plain import plain
from harness.reporter import Table
from harness.verdict import Verdict

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
            self._out.write("\n".join([*_matrix(self._table), "", *_findings(self._table), ""]))


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
        lines.append(f"| {family} | " + " | ".join(_cell(table, client, scenarios) for client in run.clients) + " |")
    lines.append("| **all** | " + " | ".join(f"**{_cell(table, one, None)}**" for one in run.clients) + " |")
    return lines


def _cell(table: Table, client: str, scenarios: list[str] | None) -> str:
    passed, failed = (table.count(client, one, scenarios) for one in (Verdict.PASS, Verdict.FAIL))
    unknown, skipped = (table.count(client, one, scenarios) for one in (Verdict.UNKNOWN, Verdict.SKIP))
    parts = [f"{passed} ✓"] if passed else []
    parts += [f"{failed} ✗"] if failed else []
    parts += [f"{unknown} ?"] if unknown else []
    parts += [f"{skipped} –"] if skipped else []
    return " ".join(parts) or "not run"


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
    mark = "" if case.verdict is Verdict.FAIL else "unknown: "
    return f"| {escape(case.scenario)} | {mark}{escape(harm)} | {law} | {code(table.replay(case))} |"
