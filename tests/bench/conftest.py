"""Collects what the benchmarks promise, and shows it as one table at the end."""

from __future__ import annotations

from typing import Protocol

import pytest
from bench.targets import Row, table
from pytest_benchmark.fixture import BenchmarkFixture

ROWS = pytest.StashKey[list[Row]]()


class Target(Protocol):
    """Says what was measured of a promise; see :class:`~bench.targets.Row`. Fails when it is missed by far."""

    def __call__(
        self,
        area: str,
        what: str,
        observed: float,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        unit: str = "×",
    ) -> None: ...


@pytest.fixture
def target(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> Target:
    """For each figure that a target is set for; a run without ``--benchmark-enable`` measures nothing that counts."""
    rows = request.config.stash.setdefault(ROWS, [])

    def say(
        area: str,
        what: str,
        observed: float,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        unit: str = "×",
    ) -> None:
        limit = at_least if at_most is None else at_most
        assert limit is not None
        row = Row(area=area, what=what, observed=observed, limit=limit, at_least=at_most is None, unit=unit)
        benchmark.extra_info.setdefault("targets", []).append(row.told())
        if benchmark.enabled:
            rows.append(row)
            assert not row.is_far, f"{what}: {observed:.3g}, and the limit is {limit:g}"

    return say


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(ROWS, [])
    if rows:
        terminalreporter.section(f"targets: {sum(row.is_met for row in rows)} of {len(rows)} are met")
        terminalreporter.write_line(table(rows))
