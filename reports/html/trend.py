"""How a client did in earlier runs and does now: a few numbers, and the line through them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.comparing import Side
from harness.reporter import Table
from harness.standing import Standing
from harness.verdict import Verdict

WIDTH, HEIGHT, _EDGE = 120, 24, 3
"""Of the picture, in its own units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run of one client."""

    name: str
    failed: int
    x: float
    y: float

    @property
    def at(self) -> str:
        """Where it is, as SVG has it."""
        return f"{self.x:g},{self.y:g}"


def trend(earlier: Sequence[Side], now: Table, client: str) -> list[Point]:
    """The failures of ``client`` in each run that has it, the oldest first; empty when there is nothing to compare."""
    runs = [(_name(one), _failed(one.run, client)) for one in sorted(earlier, key=lambda one: one.run.run.date)]
    counts = [(name, count) for name, count in [*runs, ("this run", _failed(now, client))] if count is not None]
    if len(counts) < 2:
        return []
    most = max(count for _, count in counts) or 1
    step = (WIDTH - 2 * _EDGE) / (len(counts) - 1)
    return [
        Point(
            name=name,
            failed=count,
            x=round(_EDGE + place * step, 1),
            y=round(HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * count / most, 1),
        )
        for place, (name, count) in enumerate(counts)
    ]


def _name(side: Side) -> str:
    return side.run.run.date[:10] or side.name


def _failed(table: Table, client: str) -> int | None:
    """None when no case of it was judged."""
    judged = [case for case in table.cases() if case.client == client and case.verdict is not Verdict.SKIP]
    if not judged:
        return None
    return sum(case.standing in (Standing.FAIL, Standing.KNOWN) for case in judged)
