"""The pages of the catalogue: one with all chapters, and one for each, with every scenario. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.model import Outcome, Policy, Scenario
from harness.numbers import Numbers
from harness.site.matrix import Matrix
from harness.site.words import docstring, escaped, source, table

_CONTENTS = """ Each is something that happened to somebody, and says where. Numbers stay: 10.4 is the
fourth scenario of chapter 10 for ever.

```console
$ streamproof list -k "cutoff and clean"
$ streamproof show 10.4
```
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What the pages are made of."""

    scenarios: Mapping[str, Scenario]
    numbers: Numbers
    titles: Mapping[str, str]
    """What each chapter is about, by family."""
    harms: Mapping[str, str]
    """What a user has of it, by scenario."""
    matrix: Matrix | None = None
    """What became of them, where that is known."""

    @property
    def families(self) -> list[str]:
        """All families in the order of their numbers; those without one at the end."""
        chapters = self.numbers.chapters
        found = dict.fromkeys(one.family for one in self.scenarios.values())
        return sorted(found, key=lambda family: (family not in chapters, chapters.get(family, 0)))

    def of(self, family: str) -> list[Scenario]:
        """The scenarios of a family in the order of their numbers."""
        own = [one for one in self.scenarios.values() if one.family == family]
        return sorted(own, key=lambda one: self.numbers.place(one.id))


def contents(book: Book) -> str:
    """The page with all chapters."""
    rows = [_chapter(book, family) for family in book.families]
    many = f"{len(book.scenarios)} scenarios in {len(rows)} chapters."
    head = ("chapter", "name", "what it is about", "scenarios")
    return "\n".join(["# The catalogue", "", many + _CONTENTS, *table(head, rows), ""])


def _chapter(book: Book, family: str) -> tuple[str, ...]:
    return _number(book, family), f"[{family}]({family}.md)", docstring(book.titles[family]), str(len(book.of(family)))


def chapter(book: Book, family: str) -> str:
    """The page of one chapter."""
    number = _number(book, family)
    lines = [f"# {number + '. ' if number else ''}{family}", "", docstring(book.titles[family]), ""]
    lines += ["```console", f"$ streamproof run --client bundled -k {family}", "```", ""]
    for scenario in book.of(family):
        lines += [*_scenario(book, scenario), ""]
    return "\n".join(lines)


def _number(book: Book, family: str) -> str:
    found = book.numbers.chapters.get(family)
    return "" if found is None else str(found)


def _scenario(book: Book, scenario: Scenario) -> Iterator[str]:
    number = book.numbers.of(scenario.id)
    yield f"## {number} {scenario.name} {{ #{scenario.name} }}".replace("##  ", "## ")
    yield ""
    yield escaped(scenario.title)
    yield ""
    yield from table(("", ""), [(f"**{name}**", said) for name, said in _facts(book, scenario) if said])
    if scenario.sources:
        yield ""
        yield f"Seen in {', '.join(map(source, scenario.sources))}."


def _facts(book: Book, scenario: Scenario) -> Iterator[tuple[str, str]]:
    yield "what a user has of it", escaped(book.harms[scenario.id])
    yield "right", "; ".join(_right(scenario))
    yield "level", str(scenario.level)
    yield "APIs", ", ".join(f"`{one}`" for one in sorted(scenario.spoken_in))
    yield "asked of clients that can", ", ".join(f"`{one}`" for one in sorted(scenario.requires))
    yield "the other side", _link(scenario.pair)
    yield "earlier calls meet", ", ".join(map(_link, scenario.before))
    yield "reproduces", ", ".join(f"[{one}](../failures.md#{one})" for one in scenario.covers)
    if book.matrix is not None:
        yield "in the matrix", book.matrix.told(scenario.id)
    yield "see its bytes", f"`streamproof show {scenario.id}`"


def _right(scenario: Scenario) -> Iterator[str]:
    """What is right, each time for all policies under which it is."""
    under: dict[frozenset[Outcome], list[Policy]] = {}
    for policy in Policy:
        under.setdefault(scenario.expect.right(policy), []).append(policy)
    for outcomes, policies in under.items():
        yield f"{', '.join(f'`{one}`' for one in policies)}: {' or '.join(sorted(outcomes))}"


def _link(scenario: str) -> str:
    family, _, name = scenario.partition(".")
    return f"[{scenario}]({family}.md#{name})" if scenario else ""
