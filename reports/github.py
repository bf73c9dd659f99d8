"""Annotations for GitHub Actions: workflow commands on the standard output, one for each case that did not pass.

``error`` is a failure in a scenario that clients MUST pass, ``warning`` one of SHOULD or what is unknown, ``notice``
one of INFO. A failure that is known has none, and a case that is known to fail and passed is an ``error``. GitHub
shows ten of each kind for a step, so the last of ten says how many more there are; the job's summary is the Markdown
report. Commands and their escapes: ``ActionCommand.cs`` of actions/runner.
"""

from __future__ import annotations

from typing import TextIO

from harness.broken import definition, level
from harness.events import CaseFinished, Event, RunFinished
from harness.model import Level
from harness.plain import plain
from harness.reporter import Table
from harness.standing import Standing

_MOST = 10
"""Annotations of one kind that are shown for a step."""
_KINDS = {Level.MUST: "error", Level.SHOULD: "warning", Level.INFO: "notice"}


class Reporter:
    """Writes at the end of the run, in lines that only mean something on the standard output of a step."""

    suffix = ""

    def __init__(self, out: TextIO) -> None:
        self._out, self._table = out, Table()

    def take(self, event: Event) -> None:
        """Take the next event; the last one writes the annotations."""
        self._table.take(event)
        if isinstance(event, RunFinished):
            for kind in _KINDS.values():
                self._out.writelines(_annotations(kind, self._table))


def _annotations(kind: str, table: Table) -> list[str]:
    cases = [case for case in table.cases() if _kind(case) == kind]
    shown = cases if len(cases) <= _MOST else cases[: _MOST - 1]
    lines = [_annotation(kind, case, table) for case in shown]
    if left := len(cases) - len(shown):
        lines.append(command(kind, f"{left} more; see the summary of the job", title="streamproof"))
    return lines


def _kind(case: CaseFinished) -> str:
    """The kind of annotation that a case gets; empty when there is nothing to say of it."""
    match case.standing:
        case Standing.UNKNOWN:
            return "warning"
        case Standing.FAIL:
            return _KINDS[level(case)]
        case Standing.FIXED:
            return "error"
        case Standing.SKIP if case.finding is not None:
            return "notice"
        case _:
            return ""


def _annotation(kind: str, case: CaseFinished, table: Table) -> str:
    place, finding = definition(case.scenario), case.finding
    law = f"{finding.law}: {finding.harm}" if finding is not None else ""
    said = "; ".join(filter(None, (law, case.note))) or "no law says why"
    unknown = "unknown: " if case.standing is Standing.UNKNOWN else ""
    title = f"{unknown}{case.client} in {case.scenario}"
    return command(kind, f"{said} · {table.replay(case)}", title=title, file=place.path, line=str(place.line))


def command(name: str, data: str, **properties: str) -> str:
    """One workflow command as a line: nothing in ``data`` or in a property ends it or begins another."""
    said = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in properties.items())
    return f"::{name} {said}::{_escaped(data, '')}\n"


def _escaped(text: str, special: str) -> str:
    return "".join(f"%{ord(char):02X}" if char in f"%\r\n{special}" else char for char in plain(text))
