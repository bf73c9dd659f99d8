"""What a benchmark found, as values that can be kept. Pure."""

from __future__ import annotations

from enum import StrEnum
from statistics import median

from msgspec import Struct


class Kind(StrEnum):
    """What a row of the table is."""

    OURS = "ours"
    OWN = "own"
    """Named by the user."""
    PEER = "peer"
    LIMIT = "limit"
    """No parser: the least that has to be done."""


class Stage(StrEnum):
    """How far the bytes are read; each includes the one before."""

    FRAMING = "framing"
    DECODE = "decode"
    """The JSON of each event, too."""
    ACCUMULATE = "accumulate"
    """The message that they add up to."""


class Entrant(Struct, frozen=True, kw_only=True):
    """One parser, and how right it is."""

    name: str
    kind: Kind
    version: str
    passed: int = 0
    cases: int = 0
    """0 where nobody asked whether it is right."""
    wrong: tuple[str, ...] = ()
    """The cases that it fails, each with what it made of it."""

    @property
    def is_right(self) -> bool:
        """Whether it passed every case."""
        return self.passed == self.cases


class Away(Struct, frozen=True, kw_only=True):
    """A parser that was not measured."""

    name: str
    why: str


class Place(Struct, frozen=True, order=True):
    """Where all parsers are measured on the same."""

    corpus: str
    chunking: str
    stage: Stage


class Cell(Struct, frozen=True, kw_only=True):
    """One parser in one place."""

    parser: str
    place: Place
    events: int
    size: int
    """Of the corpus, in bytes."""
    seconds: tuple[float, ...] = ()
    """CPU time of one reading, in each round; empty where it was not measured."""
    trouble: str = ""
    """Why its speed says nothing: it read the corpus otherwise than it is, raised, or took too long."""

    @property
    def median(self) -> float:
        """CPU seconds of one reading."""
        return median(self.seconds)

    @property
    def micros(self) -> float:
        """CPU microseconds for each event."""
        return self.median / self.events * 1e6

    @property
    def megabytes(self) -> float:
        """Millions of bytes in each CPU second."""
        return self.size / self.median / 1e6

    @property
    def spread(self) -> float:
        """Half of what lies between the slowest and the fastest round, as a part of the median."""
        return (max(self.seconds) - min(self.seconds)) / 2 / self.median


class Machine(Struct, frozen=True, kw_only=True):
    """Where it was measured."""

    system: str
    processor: str
    cores: int
    python: str


class Run(Struct, frozen=True, kw_only=True):
    """All that one benchmark found."""

    date: str
    """In UTC, as ISO 8601 has it."""
    machine: Machine
    version: str
    """Of streamproof."""
    rounds: int
    entrants: tuple[Entrant, ...]
    away: tuple[Away, ...]
    cells: tuple[Cell, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        """In the order in which they were measured."""
        return tuple(dict.fromkeys(cell.place for cell in self.cells))

    def cell(self, parser: str, place: Place) -> Cell | None:
        """What that parser did there; None where it has nothing to do there, or was not measured."""
        found = (one for one in self.cells if one.parser == parser and one.place == place)
        return next(found, None)

    def ratio(self, parser: str, to: str, place: Place) -> float | None:
        """How many times as fast ``parser`` is as ``to``, in the same run; None where one of them was not measured."""
        mine, theirs = self.cell(parser, place), self.cell(to, place)
        if mine is None or theirs is None or not mine.seconds or not theirs.seconds:
            return None
        return theirs.median / mine.median
