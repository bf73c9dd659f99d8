"""The page as one text: the template, the style, the script and the blocks of data that the script unpacks."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from harness import catalog, recorded
from harness.comparing import Side
from harness.plain import plain
from harness.reporter import MARKS, Table
from harness.standing import Standing
from harness.verdict import Verdict
from harness.web import shared
from reports.html import overview
from reports.html.bundle import bundled
from reports.html.pool import Pool, in_order
from reports.html.thresholds import gate_of, sentence, thresholds
from reports.html.trend import HEIGHT, WIDTH, trend

_LONE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class Chapter:
    """The cases of one family, packed."""

    pool: Pool = field(default_factory=Pool)
    cells: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that the page is made of."""

    table: Table
    chapters: dict[str, Chapter]
    baseline: Side | None
    earlier: Sequence[Side]


def rendered(page: Page) -> str:
    """The file."""
    table = page.table
    changed = overview.changes(page.baseline, table) if page.baseline is not None else None
    words = _words(table)
    script, style = _script(), _style()
    order = {name: place for place, name in enumerate(table.run.scenarios)}
    return str(
        _template().render(
            table=table,
            run=table.run,
            end=table.end,
            style=style,
            script=script,
            policy=_policy(script, style),
            sentence=sentence(table),
            thresholds=thresholds(table),
            gate=gate_of(table),
            trends={one: trend(page.earlier, table, one) for one in table.run.clients},
            trend_size=(WIDTH, HEIGHT),
            baseline=page.baseline,
            changed=changed,
            laws=words.laws,
            marks=MARKS,
            Standing=Standing,
            Verdict=Verdict,
            overview=_block(overview.overview(table, words, changed)),
            chapters={
                family: _block(_chapter(page.chapters[family], order, table.run.clients))
                for family in table.families()
                if family in page.chapters
            },
        )
    )


def _chapter(chapter: Chapter, order: dict[str, int], clients: tuple[str, ...]) -> dict[str, Any]:
    """Cells by their place in the matrix; in which order they finished does not show."""
    columns = {name: place for place, name in enumerate(clients)}
    places = {
        order[scenario] * len(clients) + columns[client]: cell
        for (scenario, client), cell in chapter.cells.items()
        if scenario in order and client in columns
    }
    pool, cells = in_order(chapter.pool, dict(sorted(places.items())))
    return {"texts": pool.packed(), "cells": cells}


def _block(tree: Any) -> str:
    """JSON, deflated, in base64. A surrogate without its other half goes as an escape."""
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    whole = _LONE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return base64.b64encode(zlib.compress(whole.encode(), 9)).decode()


def _words(table: Table) -> overview.Words:
    """From the catalogue of today, where it knows the name."""
    families = {one: _title(one) for one in table.families()}
    numbers = catalog.numbers()
    return overview.Words(
        chapters=families,
        numbers={one: numbers.of(one) for one in table.run.scenarios},
        laws={one.code: one.title.replace("``", "") for one in catalog.laws()},
    )


def _title(family: str) -> str:
    known = family == recorded.FAMILY or family in catalog.names("scenarios")
    return catalog.chapter(family).title if known else ""


@cache
def _template() -> Any:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["plain"] = plain
    return environment.from_string(_file("report.html.jinja"))


@cache
def _script() -> str:
    return bundled("main.js", lambda name: shared(name).read_text("utf-8") if name == "lanes.js" else _file(name))


@cache
def _style() -> str:
    return shared("base.css").read_text("utf-8") + _file("report.css")


def _file(name: str) -> str:
    return (files(__package__) / "page" / name).read_text("utf-8")


def _policy(script: str, style: str) -> str:
    """Nothing is loaded, and nothing runs but this script; the style is this one."""
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
