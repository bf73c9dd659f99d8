"""What decides whether a run is good, each number beside its limit. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.reporter import Table
from harness.standing import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One number of a run."""

    name: str
    observed: int
    limit: int | None
    """The most that is allowed; None: it is told, and decides nothing."""
    least: bool = False
    """Whether the limit is the least that is allowed."""

    @property
    def is_kept(self) -> bool:
        """Whether it is within its limit."""
        if self.limit is None:
            return True
        return self.observed >= self.limit if self.least else self.observed <= self.limit

    @property
    def told(self) -> str:
        """The limit in signs, such as ``≤ 0``."""
        if self.limit is None:
            return "no limit"
        return f"{'≥' if self.least else '≤'} {self.limit}"


def gate_of(table: Table) -> tuple[str, ...]:
    """The clients that decide."""
    return tuple(one for one in table.run.gate if one in table.run.clients) or table.run.clients


def thresholds(table: Table) -> list[Threshold]:
    """Those of the run, the ones that decide first. Without a gate every client decides."""
    gate = gate_of(table)
    others = [client for client in table.run.clients if client not in gate]

    def count(standing: Standing, clients: tuple[str, ...] | list[str]) -> int:
        return sum(table.count(client, standing) for client in clients)

    whose = f"of {_listed(gate)}" if others else "of any client"
    found = [
        Threshold(name=f"failures {whose}", observed=count(Standing.FAIL, gate), limit=0),
        Threshold(name=f"cases {whose} that nobody can judge", observed=count(Standing.UNKNOWN, gate), limit=0),
        Threshold(
            name="cases that finished", observed=sum(1 for _ in table.cases()), limit=table.run.cases, least=True
        ),
    ]
    if table.expectations():
        found += [
            Threshold(name="known failures that passed", observed=count(Standing.FIXED, gate), limit=0),
            Threshold(name="failures that were known", observed=count(Standing.KNOWN, gate), limit=None),
        ]
    if table.run.tries > 1:
        flaky = f"cases with different verdicts in up to {table.run.tries} tries"
        found.append(Threshold(name=flaky, observed=len(table.flaky()), limit=None))
    if others:
        told = f"failures of the other {len(others)} client{'s' * (len(others) > 1)}"
        found.append(Threshold(name=told, observed=count(Standing.FAIL, others), limit=None))
    return found


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} clients"


def sentence(table: Table) -> str:
    """How the run went, in one sentence or two."""
    gate, clients = gate_of(table), table.run.clients
    bad = [one for one in thresholds(table) if not one.is_kept]
    done = sum(1 for _ in table.cases())
    what = f"{_plural(len(clients), 'client')} met {_plural(len(table.run.scenarios), 'scenario')}"
    if not done:
        return f"{what}, and no case finished."
    failed = [one for one in gate if table.count(one, Standing.FAIL) or table.count(one, Standing.FIXED)]
    unknown = sum(table.count(one, Standing.UNKNOWN) for one in gate)
    whose = "every one" if gate == clients else f"{gate[0]}, which decides," if len(gate) == 1 else "each that decides"
    if failed:
        count = sum(table.count(one, Standing.FAIL) + table.count(one, Standing.FIXED) for one in gate)
        came = failed[0] if len(failed) == 1 else f"{len(failed)} of them"
        return f"{what}: {came} failed, in {_plural(count, 'case')}."
    if unknown:
        return f"{what}: nothing failed that decides, and of {_plural(unknown, 'case')} nobody can say."
    if bad:
        return f"{what}: nothing failed, but only {done} of {table.run.cases} cases finished."
    others = [one for one in clients if one not in gate and table.count(one, Standing.FAIL)]
    count = sum(table.count(one, Standing.FAIL) for one in others)
    beside = (
        f"; {' and '.join(others) if len(others) < 3 else f'{len(others)} others'} failed in {_plural(count, 'case')}"
    )
    return f"{what}: {whose} passed all that concerns it{beside if others else ''}."


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
