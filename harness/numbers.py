"""Numbers of scenarios: 4.12 is the twelfth scenario of chapter 4, and stays so for ever. Pure.

A family is a chapter. Numbers are written down one a line, in the order in which they were given, and lines are only
ever added at the end: a scenario that is gone keeps its line, so that nobody else gets its number. The third word of a
line is drawn from the line and all lines before it, so that no line can be changed, moved or taken out unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from math import inf

from harness.errors import UsageError, unknown_name

_LINE = re.compile(r"\d+\.\d+ (?P<id>[a-z0-9_]+\.[a-z0-9_]+) [0-9a-f]{4}")
NUMBER = re.compile(r"\d+\.\d*")
"""How a number looks where somebody asks for one: ``4.12``, or ``4.`` for the whole chapter. No id looks like that."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is written down of one scenario."""

    chapter: int
    place: int
    id: str
    seal: str

    @property
    def number(self) -> str:
        """``4.12``."""
        return f"{self.chapter}.{self.place}"

    @property
    def family(self) -> str:
        """The chapter's name."""
        return self.id.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.number} {self.id} {self.seal}"


class Numbers:
    """The numbers that were given so far, whether their scenarios still exist or not."""

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        self.lines = tuple(lines)
        self._by_id = {line.id: line for line in self.lines}
        self._by_number = {line.number: line for line in self.lines}
        self.chapters = {line.family: line.chapter for line in self.lines}
        """The chapter of each family."""

    def of(self, scenario: str) -> str:
        """The number of the scenario with that id; empty where it has none yet."""
        return self._by_id[scenario].number if scenario in self._by_id else ""

    def place(self, scenario: str) -> tuple[float, float]:
        """Chapter and place of the scenario with that id, to sort by; what has no number yet stands at the end."""
        line = self._by_id.get(scenario)
        return (line.chapter, line.place) if line is not None else (inf, inf)

    def called(self, number: str) -> str:
        """The id of the scenario with that number, which may be gone.

        Raises:
            UsageError: the number was never given.
        """
        if number not in self._by_number:
            raise unknown_name("scenario", number, self._by_number)
        return self._by_number[number].id

    def has(self, asked: str, scenario: str) -> bool:
        """Whether ``asked`` (``4.12``, or ``4.`` for the chapter) is the number of that scenario."""
        number = self.of(scenario)
        return number.startswith(asked) if asked.endswith(".") else number == asked

    def and_of(self, scenarios: Iterable[str]) -> Numbers:
        """These numbers, and new ones for those of the scenarios that have none, in their order."""
        giver = _Giver()
        for line in self.lines:
            giver.give(line.id)
        return Numbers((*self.lines, *(giver.give(one) for one in scenarios if one not in self._by_id)))

    def text(self) -> str:
        """As they are written down."""
        return "".join(f"{line}\n" for line in self.lines)


NONE = Numbers()
"""Where nothing has a number."""


def parse(text: str, where: str) -> Numbers:
    """The numbers that are written down in ``text``.

    Args:
        where: the file, for error messages.

    Raises:
        UsageError: a line is malformed, or a line before it was changed, moved or taken out.
    """
    return Numbers(_checked(text, where))


def _checked(text: str, where: str) -> Iterator[Line]:
    giver = _Giver()
    for at, written in enumerate(text.splitlines(), 1):
        if (found := _LINE.fullmatch(written)) is None:
            raise UsageError(f"{where}:{at}: expected NUMBER ID SEAL, found {written!r}")
        if giver.has(found["id"]) or str(line := giver.give(found["id"])) != written:
            raise UsageError(
                f"{where}:{at}: this is not the line that was written for {found['id']}: lines are only ever added at "
                "the end, by `make catalogue`; take the file as it was, and run that"
            )
        yield line


class _Giver:
    """Gives one number after the other."""

    def __init__(self) -> None:
        self._chapters: dict[str, int] = {}
        self._given: dict[str, set[str]] = {}
        self._seal = ""

    def has(self, scenario: str) -> bool:
        """Whether that scenario was given one."""
        return scenario in self._given.get(scenario.partition(".")[0], ())

    def give(self, scenario: str) -> Line:
        """The next line, for the scenario with that id."""
        family = scenario.partition(".")[0]
        chapter = self._chapters.setdefault(family, len(self._chapters) + 1)
        given = self._given.setdefault(family, set())
        given.add(scenario)
        digest = blake2b(f"{self._seal} {chapter}.{len(given)} {scenario}".encode(), digest_size=2)
        self._seal = digest.hexdigest()
        return Line(chapter, len(given), scenario, self._seal)
