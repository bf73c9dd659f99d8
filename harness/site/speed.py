"""How fast it is, beside what was promised, as ``make bench`` last measured it and it was committed. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from harness.site.words import escaped, table

WHERE = "reports/speed/speed.json"
_MISSING = f"""# Speed

**Nothing was measured.** `make bench` measures, and writes `{WHERE}`. This site was built where that file is missing.
"""
_TITLES = {
    "parser": "The parser",
    "client": "The client, from a socket to the text",
    "server": "The server",
    "proxy": "The network layer",
    "harness": "The harness",
}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A promise, and what was measured of it."""

    area: str
    what: str
    observed: float
    limit: float
    at_least: bool
    unit: str
    met: bool
    why: str = ""
    """Why it is missed where it is."""


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the file; see ``tests/bench/conftest.py``."""

    date: str
    machine: str
    python: str
    versions: dict[str, str]
    """Of the peers that were measured in the same run."""
    rows: tuple[Row, ...]


def read(text: str | None) -> Speed | None:
    """What was measured, from the text of its file; None where there is none.

    Raises:
        msgspec.ValidationError: it is something else.
    """
    return None if text is None else msgspec.json.decode(text, type=Speed)


def page(speed: Speed | None) -> str:
    """The page."""
    return _MISSING if speed is None else "\n".join(_lines(speed))


def _lines(speed: Speed) -> Iterator[str]:
    met = sum(row.met for row in speed.rows)
    yield "# Speed"
    yield ""
    yield f"{met} of {len(speed.rows)} targets were met on {speed.date[:10]} ({speed.machine}, Python {speed.python})."
    yield "Machines differ and are busy, so a figure is a ratio to a peer in the same run wherever there is a peer, the"
    yield "median of rounds in which everybody had a turn. `make bench` measures again; `streamproof bench` compares"
    yield "parsers, yours too."
    yield ""
    for area in dict.fromkeys((*_TITLES, *(row.area for row in speed.rows))):
        rows = [row for row in speed.rows if row.area == area]
        if rows:
            yield from _area(_TITLES.get(area, area), rows)
    yield "## Measured beside"
    yield ""
    yield from table(("peer", "version"), [(name, escaped(one)) for name, one in sorted(speed.versions.items())])
    yield ""


def _area(title: str, rows: list[Row]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield from table(("what", "observed", "target", ""), [_told(row) for row in rows])
    yield ""
    for row in rows:
        if not row.met:
            yield f"**{escaped(row.what)}** is missed: {row.why or 'it is not known why'}."
            yield ""


def _told(row: Row) -> tuple[str, ...]:
    sign = "≥" if row.at_least else "≤"
    return escaped(row.what), f"{row.observed:.3g} {row.unit}", f"{sign} {row.limit:g} {row.unit}", _MARK[row.met]


_MARK = {True: "met", False: "**missed**"}
