"""What the page shows before anybody looks into a case: the matrix and its words, as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from harness.comparing import Kind, Side, change
from harness.events import CaseFinished
from harness.plain import plain
from harness.reporter import Table
from harness.standing import Standing
from reports.html.pool import Pool

Json = dict[str, Any]
LETTERS = {
    Standing.PASS: "p",
    Standing.FAIL: "f",
    Standing.UNKNOWN: "u",
    Standing.SKIP: "s",
    Standing.KNOWN: "k",
    Standing.FIXED: "x",
}
NOT_RUN = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the catalogue calls things; a run of another catalogue has none of them."""

    chapters: Mapping[str, str]
    """Title by family."""
    numbers: Mapping[str, str]
    """By scenario."""
    laws: Mapping[str, str]
    """Title by code."""


def overview(table: Table, words: Words, changed: Mapping[tuple[str, str], Kind] | None) -> Json:
    """The matrix: a letter for each case, and for every one that did not pass the law and the words of it.

    Args:
        changed: what changed against the baseline; None when there is none.
    """
    run, pool = table.run, Pool()
    cells = [(one, client, table.cell(one, client)) for one in run.scenarios for client in run.clients]
    told = [case for _, _, case in cells if case is not None and case.standing is not Standing.PASS]
    laws = sorted({case.finding.law for case in told if case.finding is not None})
    kinds = list(Kind)
    return {
        "seed": plain(run.seed),
        "clients": [plain(one) for one in run.clients],
        "options": [plain(table.options(one)) for one in run.clients],
        "chapters": [
            {
                "id": plain(family),
                "title": words.chapters.get(family, ""),
                "scenarios": [plain(one) for one in scenarios],
                "numbers": [words.numbers.get(one, "") for one in scenarios],
            }
            for family, scenarios in table.families().items()
        ],
        "stands": "".join(NOT_RUN if case is None else LETTERS[case.standing] for _, _, case in cells),
        "laws": laws,
        "titles": dict(words.laws),
        "law": [laws.index(case.finding.law) if case.finding is not None else -1 for case in told],
        "harm": [pool.add(_told(case)) for case in told],
        "flaky": [place for place, (*_, case) in enumerate(cells) if case is not None and case.is_flaky],
        "kinds": [str(kind) for kind in kinds],
        "changed": None
        if changed is None
        else [
            [place, kinds.index(changed[scenario, client])]
            for place, (scenario, client, _) in enumerate(cells)
            if (scenario, client) in changed
        ],
        "texts": pool.packed(),
    }


def _told(case: CaseFinished) -> str:
    if case.finding is not None and case.standing is not Standing.SKIP:
        return plain(case.finding.harm)
    return plain(case.why or case.note)


def changes(before: Side, now: Table) -> dict[tuple[str, str], Kind]:
    """How each case changed that both runs have, by the law that decided: a kept matrix knows no other."""
    is_exact = before.run.run.seed == now.run.seed
    found: dict[tuple[str, str], Kind] = {}
    for case in now.cases():
        old = before.run.cell(case.scenario, case.client)
        changed = change(_decided(old), _decided(case), is_exact=is_exact) if old is not None else None
        if changed is not None:
            found[case.scenario, case.client] = changed.kind
    return found


def _decided(case: CaseFinished) -> CaseFinished:
    return msgspec.structs.replace(case, rulings=(case.finding,) if case.finding is not None else ())
