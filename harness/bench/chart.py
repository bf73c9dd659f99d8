"""A run as one page: a chart of bars and a table for each corpus and stage. It loads nothing, has no script. Pure."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from harness.bench.results import Cell, Entrant, Kind, Place, Run
from harness.bench.table import ranked
from harness.plain import plain
from harness.web import shared

WIDTH, LEFT, RIGHT, STEP, THICKNESS = 760, 170, 130, 24, 18
"""Of the chart, in its own units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One parser."""

    name: str
    y: int
    width: float
    look: str
    value: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One parser in the table."""

    name: str
    values: list[str]
    rate: str
    right: str
    is_wrong: bool
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One corpus at one stage."""

    title: str
    told: str
    places: list[Place]
    bars: list[Bar]
    rows: list[Row]
    width: int = WIDTH
    left: int = LEFT
    thickness: int = THICKNESS

    @property
    def height(self) -> int:
        """In its own units."""
        return len(self.bars) * STEP


def charts(run: Run) -> list[Chart]:
    """A chart for each corpus and stage."""
    groups = dict.fromkeys((place.corpus, place.stage) for place in run.places)
    return [_chart(run, [one for one in run.places if (one.corpus, one.stage) == group]) for group in groups]


def _chart(run: Run, places: list[Place]) -> Chart:
    first = places[0]
    entrants = ranked(run, first)
    measured = [(one, cell) for one in entrants if (cell := run.cell(one.name, first)) is not None and cell.seconds]
    # A limit that no parser comes near would leave all of them without a bar.
    most = max((cell.megabytes for one, cell in measured if one.kind is not Kind.LIMIT), default=1.0)
    bars = [_bar(place, one, cell, most) for place, (one, cell) in enumerate(measured)]
    return Chart(
        title=f"{first.corpus}, {first.stage}, reads of {first.chunking}: MB/s, longer is better",
        told="; ".join(one.told for one in bars),
        places=places,
        bars=bars,
        rows=[_row(run, one, places) for one in entrants],
    )


def _bar(place: int, entrant: Entrant, cell: Cell, most: float) -> Bar:
    part = cell.megabytes / most
    value = f"{cell.megabytes:,.0f}{'' if part <= 1 else ' →'}"
    wrong = _wrong(entrant, cell)
    return Bar(
        name=entrant.name,
        y=place * STEP,
        width=round(min(part, 1.0) * (WIDTH - LEFT - RIGHT), 1),
        look="wrong" if wrong else str(entrant.kind),
        value=f"{value}{wrong}",
        told=f"{entrant.name} {cell.megabytes:,.0f} MB/s{wrong}",
    )


def _wrong(entrant: Entrant, cell: Cell) -> str:
    """What is to be said beside its speed; empty when it is right."""
    if cell.trouble:
        return ", misread"
    return "" if entrant.is_right else f", {entrant.cases - entrant.passed} of {entrant.cases} wrong"


def _row(run: Run, entrant: Entrant, places: list[Place]) -> Row:
    cells = [run.cell(entrant.name, place) for place in places]
    first = cells[0]
    return Row(
        name=entrant.name,
        values=[f"{one.micros:.3g} ±{one.spread:.0%}" if one is not None and one.seconds else "–" for one in cells],
        rate=f"{first.megabytes:,.0f}" if first is not None and first.seconds else "–",
        right=f"{entrant.passed} of {entrant.cases}" if entrant.cases else "a limit",
        is_wrong=not entrant.is_right,
        version=entrant.version,
    )


def rendered(run: Run) -> str:
    """The file."""
    style = _style()
    wrong = [one for one in run.entrants if one.wrong]
    return str(_template().render(run=run, charts=charts(run), wrong=wrong, style=style, policy=_policy(style)))


@cache
def _template() -> Any:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["plain"] = plain
    return environment.from_string(_file("bench.html.jinja"))


@cache
def _style() -> str:
    return shared("base.css").read_text("utf-8") + _file("bench.css")


def _file(name: str) -> str:
    return (files(__package__) / "page" / name).read_text("utf-8")


def _policy(style: str) -> str:
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'"
