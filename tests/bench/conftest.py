"""Collects what the benchmarks promise, and shows it as one table at the end."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import pytest
from bench.targets import Row, table
from pytest_benchmark.fixture import BenchmarkFixture

PACKAGES = ("anthropic", "httpx", "msgspec", "uvloop", "httptools")
"""Of this environment, that something is compared with or that ours is made of."""
ROWS = pytest.StashKey[list[Row]]()
VERSIONS = pytest.StashKey[dict[str, str]]()


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
        at_best: float | None = None,
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
        at_best: float | None = None,
    ) -> None:
        limit = at_least if at_most is None else at_most
        assert limit is not None
        row = Row(
            area=area,
            what=what,
            observed=observed,
            limit=limit,
            at_least=at_most is None,
            unit=unit,
            why=why,
            at_best=at_best,
        )
        benchmark.extra_info.setdefault("targets", []).append(row.told())
        if benchmark.enabled:
            rows.append(row)
            assert not row.is_far, f"{what}: {observed:.3g}, and the limit is {limit:g}"

    return say


Beside = Callable[[str, str], None]
"""Notes whom something was compared with: a name and its version."""


@pytest.fixture(scope="session")
def beside(pytestconfig: pytest.Config) -> Beside:
    """See :data:`Beside`."""
    return pytestconfig.stash.setdefault(VERSIONS, {}).__setitem__


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
        file.write_text(
            json.dumps(as_json(rows, config.stash.get(VERSIONS, {})), indent=1, ensure_ascii=False) + "\n", "utf-8"
        )
        terminalreporter.write_line(f"written: {file}")


def as_json(rows: list[Row], versions: dict[str, str]) -> dict[str, Any]:
    """What ``harness/site/speed.py`` reads."""
    here = {name: version(name) for name in PACKAGES if find_spec(name) is not None}
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "python": platform.python_version(),
        "versions": here | versions,
        "rows": [row.told() for row in sorted(rows, key=lambda one: one.area)],
    }
