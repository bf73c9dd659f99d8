"""A run as text of at most 80 columns: a table for each corpus and stage, then what was not measured. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from harness.bench.results import Cell, Entrant, Kind, Place, Run, Stage
from harness.plain import plain

WIDTH = 80
_NAME, _VALUE, _RATE, _RIGHT = 20, 9, 6, 9
_WRONG, _NOTHING = "✗", "–"


def lines(run: Run) -> Iterator[str]:
    """All that is told of it."""
    groups = dict.fromkeys((place.corpus, place.stage) for place in run.places)
    for corpus, stage in groups:
        yield from _table(run, [one for one in run.places if (one.corpus, one.stage) == (corpus, stage)])
        yield ""
    yield from _troubles(run)
    yield from _fold(
        "CPU µs for each event, the median of "
        f"{run.rounds} rounds in which every parser had its turn, ± half of the spread; MB/s of the first column. "
        f"conforms: cases of WHATWG HTML 9.2.6 and of parsers' own tests that it passed at every split point; {_WRONG} "
        "is wrong there, or on this corpus. ( ) is a limit, no parser."
    )
    for away in run.away:
        yield from _fold(f"NOT COMPARED with {away.name}: {away.why}", "  ")
    if run.away:
        yield f"{len(run.away)} of {len(run.away) + len(run.entrants)} were not there"


def _table(run: Run, places: list[Place]) -> Iterator[str]:
    first = next(cell for cell in run.cells if cell.place == places[0])
    size = f"{first.events:,} events, {first.size / 1000:,.0f} KB"
    yield f"{places[0].corpus} · {_STAGES[places[0].stage]} · {size}"
    heads = "".join(f"{place.chunking:>{_VALUE}}" for place in places)
    yield f"{'':{_NAME}}{heads}{'MB/s':>{_RATE}}{'conforms':>{_RIGHT}}".rstrip()
    for entrant in ranked(run, places[0]):
        cells = [run.cell(entrant.name, place) for place in places]
        values = "".join(f"{_value(cell):>{_VALUE}}" for cell in cells)
        yield f"{_name(entrant):{_NAME}}{values}{_rate(cells[0]):>{_RATE}}{_right(entrant):>{_RIGHT}}".rstrip()


_STAGES = {Stage.FRAMING: "framing", Stage.DECODE: "+ decode", Stage.ACCUMULATE: "+ accumulate"}


def ranked(run: Run, place: Place) -> list[Entrant]:
    """Those that have anything to do there, the fastest first; what was not measured last."""

    def speed(entrant: Entrant) -> float:
        cell = run.cell(entrant.name, place)
        return cell.median if cell is not None and cell.seconds else float("inf")

    return sorted((one for one in run.entrants if run.cell(one.name, place) is not None), key=speed)


def _name(entrant: Entrant) -> str:
    name = plain(entrant.name)
    name = f"({name})" if entrant.kind is Kind.LIMIT else name
    return name if len(name) < _NAME else f"…{name[2 - _NAME :]}"


def _value(cell: Cell | None) -> str:
    if cell is None or not cell.seconds:
        return _NOTHING if cell is None else _WRONG
    if cell.trouble:
        return f"{_short(cell.micros)}{_WRONG}"
    return f"{_short(cell.micros)}±{min(cell.spread * 100, 99):.0f}%"


def _rate(cell: Cell | None) -> str:
    if cell is None or not cell.seconds:
        return _NOTHING
    return _short_of_many(cell.megabytes)


def _short(value: float) -> str:
    """The figures that say something, in four characters."""
    if value >= 100:
        return _short_of_many(value)
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}".removeprefix("0")


def _short_of_many(value: float) -> str:
    return f"{value:.0f}" if value < 10_000 else f"{value / 1000:.0f}k"


def _right(entrant: Entrant) -> str:
    if not entrant.cases:
        return ""
    return f"{entrant.passed}/{entrant.cases}{'' if entrant.is_right else _WRONG}"


def _troubles(run: Run) -> Iterator[str]:
    told = dict.fromkeys((one.parser, one.place.corpus, one.place.chunking, one.trouble) for one in run.cells)
    for parser, corpus, chunking, trouble in told:
        if trouble:
            yield from _fold(f"{_WRONG} {parser}, {corpus} at {chunking}: {trouble}", "  ")


def _fold(text: str, indent: str = "") -> list[str]:
    return wrap(plain(text), WIDTH, subsequent_indent=indent, replace_whitespace=False)


def wrong_cases(entrants: Iterable[Entrant]) -> Iterator[str]:
    """What the parsers got wrong."""
    for entrant in entrants:
        for one in entrant.wrong:
            yield from _fold(f"{_WRONG} {entrant.name}: {one}", "  ")
