"""SARIF 2.1.0, for code scanning: a rule for each law, a result for each law that a client broke in a scenario.

A failure points at the line that defines its scenario. Its level is ``error`` in a scenario that clients MUST pass,
``warning`` for SHOULD, ``note`` for INFO; one that is known is suppressed, with its reason. What is unknown is no
result, for it is not the client's: it is a notification, as the tool's own troubles are. Nothing that passed is in the
file.

GitHub takes it as it is (its page "SARIF support for code scanning"): it knows a finding again by its rule, its file
and ``primaryLocationLineHash``, which is given here because the one that GitHub would make of the line would be the
same for every client.
"""

from __future__ import annotations

import json
from typing import Any, TextIO
from urllib.parse import quote

from harness import catalog
from harness.broken import Broken, broken, definition
from harness.events import CaseFinished, Event, RunFinished
from harness.law import Law
from harness.model import Level
from harness.plain import plain
from harness.reporter import Table
from harness.verdict import Verdict

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Level.MUST: "error", Level.SHOULD: "warning", Level.INFO: "note"}
Json = dict[str, Any]


class Reporter:
    """Writes one JSON file at the end of the run."""

    suffix = "sarif"

    def __init__(self, out: TextIO) -> None:
        self._out, self._table = out, Table()

    def take(self, event: Event) -> None:
        """Take the next event; the last one writes the file."""
        self._table.take(event)
        if isinstance(event, RunFinished):
            log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(self._table)]}
            json.dump(log, self._out, indent=1, ensure_ascii=False)
            self._out.write("\n")


def _run(table: Table) -> Json:
    return {
        "tool": {
            "driver": {
                "name": "streamproof",
                "semanticVersion": plain(table.run.versions.get("streamproof", "0.0.0")),
                "rules": [_rule(law) for law in catalog.laws()],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not table.end.interrupted,
                "toolExecutionNotifications": [_notification(case, table) for case in _unknown(table)],
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, table) for case in table.cases() for one in broken(case)],
    }


def _rule(law: Law) -> Json:
    return {
        "id": law.code,
        "name": "".join(word.capitalize() for word in law.name.split("_")),
        "shortDescription": _message(law.title),
        "fullDescription": _message(law.title),
        "help": _message(law.text),
    }


def _unknown(table: Table) -> list[CaseFinished]:
    return [case for case in table.cases() if case.verdict is Verdict.UNKNOWN]


def _notification(case: CaseFinished, table: Table) -> Json:
    why = case.finding.harm if case.finding is not None else "no law says why"
    return {
        "level": "warning",
        "message": _message(plain(f"{case.client} in {case.scenario}: unknown: {why} · {table.replay(case)}")),
        "locations": [_location(case.scenario)],
    }


def _result(one: Broken, table: Table) -> Json:
    said = f"{one.case.client} in {one.case.scenario}: {one.ruling.harm} · {table.replay(one.case)}"
    known = one.case.known if one.is_known else None
    excuse = [{"kind": "external", "justification": plain(known.reason)}] if known is not None else []
    return {
        "suppressions": excuse,
        "ruleId": plain(one.ruling.law),
        "level": _LEVELS[one.level],
        "message": _message(plain(said)),
        "locations": [_location(one.case.scenario)],
        "partialFingerprints": {"primaryLocationLineHash": f"{one.fingerprint}:1"},
    }


def _location(scenario: str) -> Json:
    place = definition(scenario)
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(place.path), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": place.line},
        },
        "logicalLocations": [{"fullyQualifiedName": plain(scenario), "kind": "scenario"}],
    }


def _message(text: str) -> Json:
    """``text`` as a message: braces would be placeholders (3.11.5), and brackets before parentheses a link (3.11.6)."""
    return {"text": text.replace("{", "{{").replace("}", "}}").replace("](", "] (")}
