"""Writes down what follows from the catalogue: numbers of new scenarios, and the page of its coverage.

``python -m harness.bookkeeping``, or ``make catalogue``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness import catalog, coverage


def pages() -> Iterator[tuple[Path, str]]:
    """The files in ``scenarios`` that follow from the catalogue, and what should stand in each.

    Raises:
        UsageError: the catalogue is malformed.
    """
    scenarios = catalog.scenarios()
    numbers = catalog.numbers().and_of(scenarios)
    yield catalog.home() / "numbers.txt", numbers.text()
    yield catalog.home() / "COVERAGE.md", coverage.page(scenarios.values(), catalog.failures(), numbers)


def stale() -> list[Path]:
    """The files in which something else stands."""
    return [path for path, text in pages() if not path.exists() or path.read_text("utf-8") != text]


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, "utf-8")
