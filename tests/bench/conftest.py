"""Collects what the benchmarks promise, and shows it as one table at the end."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Protocol

import pytest
from bench.targets import Row, table
from pytest_benchmark.fixture import BenchmarkFixture

PEERS = frozenset({"anthropic", "httpx", "httpx-sse", "openai", "sseclient-py", "assel", "axio-sse", "msgspec"})
"""Whose versions are told."""
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
        why: str = "",
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
        why: str = "",
    ) -> None:
        limit = at_least if at_most is None else at_most
        assert limit is not None
        row = Row(area=area, what=what, observed=observed, limit=limit, at_least=at_most is None, unit=unit, why=why)
        benchmark.extra_info.setdefault("targets", []).append(row.told())
        if benchmark.enabled:
            rows.append(row)
            assert not row.is_far, f"{what}: {observed:.3g}, and the limit is {limit:g}"

    return say


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--speed", type=Path, metavar="FILE", help="write the table of targets as JSON, for the docs")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    terminalreporter.section(f"targets: {sum(row.is_met for row in rows)} of {len(rows)} are met")
    terminalreporter.write_line(table(rows))
    if (file := config.getoption("speed")) is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(as_json(rows), indent=1, ensure_ascii=False) + "\n", "utf-8")
        terminalreporter.write_line(f"written: {file}")


def as_json(rows: list[Row]) -> dict[str, Any]:
    """What ``harness/site/speed.py`` reads."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "python": platform.python_version(),
        "versions": {one.metadata["Name"]: one.version for one in distributions() if one.metadata["Name"] in PEERS},
        "rows": [row.told() for row in sorted(rows, key=lambda one: one.area)],
    }
