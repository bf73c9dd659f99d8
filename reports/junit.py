"""JUnit XML, for CI servers: a suite for each client, a test case for each scenario.

Follows the schema of Jenkins' xUnit plugin (junit-10.xsd): a FAIL is a ``failure``, an UNKNOWN an ``error``, a SKIP
``skipped``.
"""

from __future__ import annotations

from typing import TextIO
from xml.etree import ElementTree

from harness.events import CaseFinished, Event, RunFinished
from harness.plain import plain
from harness.reporter import Table
from harness.verdict import Verdict


class Reporter:
    """Writes one XML file at the end of the run."""

    suffix = "xml"

    def __init__(self, out: TextIO) -> None:
        self._out, self._table = out, Table()

    def take(self, event: Event) -> None:
        """Take the next event; the last one writes the file."""
        self._table.take(event)
        if isinstance(event, RunFinished):
            tree = ElementTree.ElementTree(_suites(self._table))
            ElementTree.indent(tree)
            self._out.write('<?xml version="1.0" encoding="utf-8"?>\n')
            tree.write(self._out, encoding="unicode")
            self._out.write("\n")


def _suites(table: Table) -> ElementTree.Element:
    root = ElementTree.Element("testsuites", name="streamproof", time=f"{table.end.seconds or 0.0:.3f}")
    for client in table.run.clients:
        cases = [case for case in table.cases() if case.client == client]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=plain(client),
            tests=str(len(cases)),
            failures=str(table.count(client, Verdict.FAIL)),
            errors=str(table.count(client, Verdict.UNKNOWN)),
            skipped=str(table.count(client, Verdict.SKIP)),
            time=f"{sum(case.seconds for case in cases):.3f}",
        )
        properties = ElementTree.SubElement(suite, "properties")
        for name, value in {"seed": table.run.seed, **table.run.versions}.items():
            ElementTree.SubElement(properties, "property", name=plain(name), value=plain(value))
        suite.extend(_case(case, table) for case in cases)
    return root


def _case(case: CaseFinished, table: Table) -> ElementTree.Element:
    family, _, name = case.scenario.partition(".")
    element = ElementTree.Element(
        "testcase", classname=plain(f"{case.client}.{family}"), name=plain(name), time=f"{case.seconds:.3f}"
    )
    finding = case.finding
    if case.verdict is Verdict.SKIP:
        ElementTree.SubElement(element, "skipped", message=plain(case.why))
    elif case.verdict in (Verdict.FAIL, Verdict.UNKNOWN) and finding is not None:
        tag = "failure" if case.verdict is Verdict.FAIL else "error"
        detail = ElementTree.SubElement(element, tag, message=plain(finding.harm), type=finding.law)
        every = [f"{one.law}: {one.harm}" for one in case.rulings if one.verdict is case.verdict]
        detail.text = plain(" | ".join([*every, table.replay(case)]))
    return element
