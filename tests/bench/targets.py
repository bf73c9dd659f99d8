"""What was promised of speed, beside what was measured: each benchmark adds rows, ``make bench`` shows the table.

A row is a ratio to a peer in the same run wherever there is a peer, for machines differ and are busy. It fails the run
only when it is far beyond its limit; a miss is said always.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

FAR = 2.0
"""A figure that misses its limit by this factor fails the run: so much no other process on the machine explains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One promise and what became of it."""

    area: str
    """Part of the product: "parser", "client", "server", "proxy", "harness"."""
    what: str
    observed: float
    limit: float
    at_least: bool
    """Whether more is better."""
    unit: str
    why: str = ""
    """Why it is missed where it is."""
    at_best: float | None = None
    """What was measured, in the same run, to be possible at best; None where nobody knows."""

    @property
    def is_met(self) -> bool:
        """Whether the promise is kept."""
        return self.observed >= self.limit if self.at_least else self.observed <= self.limit

    @property
    def is_far(self) -> bool:
        """Whether it is missed so widely that no busy machine explains it, nor what is possible."""
        at_best = self.limit if self.at_best is None else self.at_best
        if self.at_least:
            return self.observed * FAR < min(self.limit, at_best)
        return self.observed > max(self.limit, at_best) * FAR

    def told(self) -> dict[str, Any]:
        """As it is written into the JSON."""
        return {**asdict(self), "met": self.is_met}


def table(rows: Iterable[Row]) -> str:
    """All rows as text, by area."""
    lines = []
    for row in sorted(rows, key=lambda one: one.area):
        limit = f"{'≥' if row.at_least else '≤'} {row.limit:g}"
        mark = "met" if row.is_met else "MISSED"
        lines.append(f"{row.area:8} {row.what:70} {row.observed:9.3g} {limit:>9} {row.unit:6} {mark}")
        if row.why and not row.is_met:
            lines.append(f"{'':8} {row.why}")
    return "\n".join(lines)
