"""Writes ``docs/planted.md``: each planted bug with what catches it, and for each law and fault a bug that proves it.

A law proves its worth by a bug that it catches, a fault by a bug that is caught where it struck and not in a plain
answer. Run in ``tests``: ``python -m meta.table``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from live.both_tiers import kinds_that_struck, simulated
from meta.hunted import HUNTED, Catch, recorded
from meta.planted import PLANTED, LeavesConnectionsOpen, Planted

from fake_server import fault
from fake_server.dialect import Dialect
from harness import catalog
from harness.adapter import Adapter
from harness.events import CaseFinished
from harness.network import DOWN
from harness.plan import PlannedCase
from harness.toxiproxy.toxic import kinds
from harness.verdict import Verdict

TABLE = Path(__file__).parents[2] / "docs" / "planted.md"
SEED = "3"
_HEAD = """# Planted bugs

Clients with one bug each, which real clients have had. The harness must catch every one of them (`tests/meta`). Bugs of
sinks need sockets, and some bugs are shown by nothing that is drawn, so the fuzzer does not look for them.
`python -m meta.table` in `tests` writes this page.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A bug that is caught in a scenario."""

    bug: str
    scenario: str


def text() -> str:
    """The page."""
    return "\n".join((_HEAD, *_bugs(recorded()), "", *_laws(proofs_of_laws()), "", *_faults(proofs_of_faults()), ""))


def without_numbers(page: str) -> str:
    """The page without what another drawing would change."""
    return re.sub(r"(SP\d\d after [\d,]+ cases|not found)", "*", page)


# ---- what catches what -----------------------------------------------------------------------------------------------


@cache
def proofs_of_laws() -> dict[str, Proof | None]:
    """For each law the first bug that it catches in the bug's own scenario."""
    found: dict[str, Proof | None] = {law.code: None for law in catalog.laws()}
    for bug in PLANTED:
        for law in sorted({bug.law} if bug.sink is not None else broken(_played(bug.scenario, _client(bug)))):
            found[law] = found[law] or Proof(bug=bug.name, scenario=bug.scenario)
    LeavesConnectionsOpen.leaked.clear()
    return found


@cache
def proofs_of_faults() -> dict[str, Proof | None]:
    """For each kind of fault and toxic the first bug that is caught where it struck, and the sound client is not."""
    where: dict[str, list[str]] = {name: [] for name in (*map(_snake, fault.kinds()), *kinds(), DOWN)}
    simulated = [one for one in catalog.scenarios().values() if not (one.receiver or one.before)]
    for scenario in (one.id for one in simulated if Dialect.ANTHROPIC in one.spoken_in):
        result = _played(scenario, catalog.adapter("bundled"))
        if result.verdict is Verdict.PASS:
            for name in set(kinds_that_struck(result)):
                where[name].append(scenario)
    return {name: next(_caught_where(name, scenarios), None) for name, scenarios in where.items()}


def _caught_where(name: str, scenarios: list[str]) -> Iterator[Proof]:
    for bug in _telling():
        for scenario in scenarios:
            result = _played(scenario, bug.adapter)
            if result.verdict is Verdict.FAIL and name in kinds_that_struck(result):
                yield Proof(bug=bug.name, scenario=scenario)


@cache
def _telling() -> tuple[Planted, ...]:
    """Bugs that do no harm to a plain answer: where they are caught, the fault has done it."""
    hunted = (one for one in HUNTED if not one.is_driven)
    return tuple(bug for bug in hunted if _played("completion.plain", bug.adapter).verdict is Verdict.PASS)


def _client(bug: Planted) -> Adapter:
    return catalog.adapter(f"meta.planted:{bug.name}")


def _played(scenario: str, adapter: Adapter) -> CaseFinished:
    found = catalog.scenarios()[scenario]
    return simulated(PlannedCase(scenario=found, adapter=adapter, seed=SEED, policy=adapter.policy))


def broken(result: CaseFinished) -> set[str]:
    """The laws that a case breaks."""
    return {one.law for one in result.rulings if one.verdict is Verdict.FAIL}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


# ---- the page --------------------------------------------------------------------------------------------------------


def _bugs(caught: Mapping[str, Catch | None]) -> Iterator[str]:
    yield "| bug | caught in | by | found by the fuzzer |"
    yield "| --- | --- | --- | --- |"
    for bug in PLANTED:
        yield f"| {bug.name} | `{bug.scenario}` | {bug.law} | {_found(bug, caught)} |"


def _found(bug: Planted, caught: Mapping[str, Catch | None]) -> str:
    if bug not in HUNTED:
        return "–"
    catch = caught.get(bug.name)
    return f"{catch.law} after {catch.cases:,} cases" if catch is not None else "not found"


def _laws(proofs: Mapping[str, Proof | None]) -> Iterator[str]:
    titles = {law.code: law.title for law in catalog.laws()}
    yield "## What proves the worth of each law"
    yield ""
    yield "| law | | a bug that it catches |"
    yield "| --- | --- | --- |"
    for code, proof in proofs.items():
        yield f"| {code} | {titles[code]} | {_proof(proof)} |"


def _faults(proofs: Mapping[str, Proof | None]) -> Iterator[str]:
    yield "## What proves the worth of each fault and toxic"
    yield ""
    yield "| fault | a bug that is caught where it struck, and not in a plain answer |"
    yield "| --- | --- |"
    for name, proof in sorted(proofs.items()):
        yield f"| `{name}` | {_proof(proof)} |"


def _proof(proof: Proof | None) -> str:
    return "none" if proof is None else f"{proof.bug}, in `{proof.scenario}`"


if __name__ == "__main__":
    TABLE.write_text(text(), "utf-8")
