"""Runs of `streamproof bench` that never happened."""

from __future__ import annotations

from harness.bench.results import Away, Cell, Entrant, Kind, Machine, Place, Run, Stage

FRAMING, OTHER = Place("text", "64KiB", Stage.FRAMING), Place("text", "1", Stage.FRAMING)
MACHINE = Machine(system="Linux", processor="one", cores=2, python="3.11.7")
OURS = Entrant(name="streamproof", kind=Kind.OURS, version="1", passed=9, cases=9)
PEER = Entrant(name="httpx-sse", kind=Kind.PEER, version="0.4.3", passed=8, cases=9, wrong=("it is wrong in this",))
THIRD = Entrant(name="another", kind=Kind.PEER, version="2", passed=9, cases=9)
LIMIT = Entrant(name="bytes.split", kind=Kind.LIMIT, version="Python")


def cell(parser: str, *micros: float, place: Place = FRAMING, trouble: str = "") -> Cell:
    """Of a corpus with 100 events of 100 bytes."""
    seconds = tuple(one * 100 / 1e6 for one in micros)
    return Cell(parser=parser, place=place, events=100, size=10_000, seconds=seconds, trouble=trouble)


def run(*cells: Cell, entrants: tuple[Entrant, ...] = (OURS, PEER, LIMIT), away: tuple[Away, ...] = ()) -> Run:
    return Run(
        date="2026-11-29T03:00:00+00:00",
        machine=MACHINE,
        version="0.1.0",
        rounds=3,
        entrants=entrants,
        away=away,
        cells=cells,
    )


RUN = run(
    cell("streamproof", 1.0, 1.1, 0.9),
    cell("httpx-sse", 5.0, 5.0, 5.0),
    cell("bytes.split", 0.02, 0.02, 0.02),
    cell("streamproof", 10.0, 11.0, 12.0, place=OTHER),
    cell("httpx-sse", place=OTHER, trouble="it took more than 20 s"),
)
