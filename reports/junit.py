"""JUnit XML, for CI servers: a suite for each client, a test case for each scenario.

Follows the schema of Jenkins' xUnit plugin (junit-10.xsd): a FAIL is a ``failure``, an UNKNOWN an ``error``, a SKIP
``skipped``. A failure that was known is ``skipped`` too, and one that was known and passed a ``failure``, as pytest has
them for ``xfail(strict=True)``.
"""

from __future__ import annotations

from typing import TextIO
from xml.etree import ElementTree

from harness.events import CaseFinished, Event, RunFinished
from harness.plain import plain
from harness.reporter import Table
from harness.standing import Standing


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
            failures=str(table.count(client, Standing.FAIL) + table.count(client, Standing.FIXED)),
            errors=str(table.count(client, Standing.UNKNOWN)),
            skipped=str(table.count(client, Standing.SKIP) + table.count(client, Standing.KNOWN)),
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
    if case.standing is Standing.SKIP:
        ElementTree.SubElement(element, "skipped", message=plain("; ".join(filter(None, (case.why, case.note)))))
    elif case.standing is Standing.KNOWN:
        ElementTree.SubElement(element, "skipped", message=plain(f"{case.note} ({_harm(case)})"))
    elif case.standing is not Standing.PASS:
        _bad(element, case, table)
    elif case.note:
        ElementTree.SubElement(element, "system-out").text = plain(case.note)
    return element


def _bad(element: ElementTree.Element, case: CaseFinished, table: Table) -> None:
    tag = "error" if case.standing is Standing.UNKNOWN else "failure"
    law = case.finding.law if case.finding is not None else case.known.law if case.known is not None else ""
    message = "; ".join(filter(None, (case.finding.harm if case.finding is not None else "", case.note)))
    detail = ElementTree.SubElement(element, tag, message=plain(message), type=plain(law))
    every = [f"{one.law}: {one.harm}" for one in case.rulings if one.verdict is case.verdict and one.harm]
    detail.text = plain(" | ".join([*every, *filter(None, [case.note]), table.replay(case)]))


def _harm(case: CaseFinished) -> str:
    return f"{case.finding.law}: {case.finding.harm}" if case.finding is not None else "no law says why"
