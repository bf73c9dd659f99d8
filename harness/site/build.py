"""What the site has beside the pages that are written by hand: made of the code and of files outside of ``docs``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fake_server import fault
from harness import catalog
from harness.site import chapters, known, links, matrix, rules, speed
from harness.site.chapters import Book
from harness.toxiproxy import toxic

ROOT = Path(__file__).parents[2]
COPIED = {
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "TOXIPROXY.md": "network.md",
}
"""Pages that stand at the top of the repository, and their places in the site."""
MADE = {
    "README.md": "index.md",
    "scenarios": "catalogue/index.md",
    "scenarios/COVERAGE.md": "failures.md",
    "scenarios/failures.toml": "failures.md",
    "harness/checks": "laws.md",
    "fake_server/faults": "faults.md",
    "harness/toxiproxy/toxics": "toxics.md",
    "reports/matrix": "matrix.md",
    "reports/matrix/README.md": "matrix.md",
    "reports/speed": "speed.md",
}
"""What in the site tells of a file or folder of the repository."""


def book() -> Book:
    """The catalogue, with the matrix where one was committed.

    Raises:
        UsageError: the catalogue is malformed.
    """
    scenarios = catalog.scenarios()
    return Book(
        scenarios=scenarios,
        numbers=catalog.numbers(),
        titles={family: catalog.chapter(family).title for family in {one.family for one in scenarios.values()}},
        harms={name: catalog.harm(one) for name, one in scenarios.items()},
        matrix=matrix.read(_committed(matrix.WHERE)),
    )


def _committed(where: str) -> str | None:
    """The text of a file of results; None where it was not committed."""
    file = ROOT / where
    return file.read_text("utf-8") if file.exists() else None


def pages(made_of: Book) -> Iterator[tuple[str, str]]:
    """The pages that follow from the code: the place of each in the site, and its Markdown."""
    families = {one: f"catalogue/{one}.md" for one in made_of.families}
    yield "catalogue/index.md", chapters.contents(made_of)
    for family, place in families.items():
        yield place, chapters.chapter(made_of, family)
    yield "failures.md", known.failures(catalog.failures(), made_of)
    yield "laws.md", rules.laws(catalog.laws())
    yield "faults.md", rules.faults(fault.kinds())
    yield "toxics.md", rules.toxics(toxic.kinds())
    yield "matrix.md", matrix.page(made_of.matrix, families)
    yield "speed.md", speed.page(speed.read(_committed(speed.WHERE)))


def parts(made_of: Book) -> dict[str, str]:
    """What stands in a page in place of ``<!-- here: NAME -->``, by name."""
    laws, faults, toxics = len(catalog.laws()), len(fault.kinds()), len(toxic.kinds())
    return {"numbers": known.numbers(catalog.failures(), made_of, laws, faults, toxics)}


def places() -> dict[str, str]:
    """The places of pages in the site, by file or folder of the repository."""
    written = {f"docs/{one.relative_to(ROOT / 'docs')}": str(one.relative_to(ROOT / "docs")) for one in _written()}
    return {**MADE, **COPIED, **written}


def _written() -> Iterator[Path]:
    docs = ROOT / "docs"
    return (one for one in sorted(docs.rglob("*")) if one.suffix in {".md", ".svg", ".png"})


def filled(text: str, source: str, page: str, known_parts: dict[str, str], repository: str) -> str:
    """A page written by hand, with its parts and with the links of the site.

    Raises:
        BrokenLink: a link leads nowhere.
        KeyError: a part does not exist.
    """
    whole = links.PART.sub(lambda found: known_parts[found[1]], text)
    return links.relinked(whole, source, page, places(), lambda one: (ROOT / one).exists(), repository)
