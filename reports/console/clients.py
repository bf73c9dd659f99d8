"""Clients and the counts of their cases, a line for each, in any width."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from harness.plain import plain
from harness.reporter import MARKS
from harness.standing import ATTENTION, Standing

STYLES = {
    Standing.PASS: "green",
    Standing.FAIL: "bold red",
    Standing.UNKNOWN: "yellow",
    Standing.SKIP: "dim",
    Standing.KNOWN: "red",
    Standing.FIXED: "bold red",
}
WORDS = {
    Standing.PASS: "passed",
    Standing.FAIL: "failed",
    Standing.FIXED: "fixed",
    Standing.UNKNOWN: "unknown",
    Standing.KNOWN: "known",
    Standing.SKIP: "skipped",
}
"""Over the columns, in their order."""
_ALWAYS = (Standing.PASS, Standing.FAIL)
_GAP = 2
_SHORTEST_NAME = 6

Counts = Mapping[str, Counter[Standing]]


def lines(counts: Counts, width: int | None, most: int) -> list[Text]:
    """A head, and a line for each client.

    Where the words do not fit over their columns, the marks of the other reports stand there.

    Args:
        width: columns that there are; None for any number.
        most: clients that get a line; those with something to look at are the first to get one, the others share one.
    """
    shown, others = _shown(counts, most)
    if others:
        rest = sum((counts[name] for name in others), Counter[Standing]())
        counts = {**{name: counts[name] for name in shown}, f"and {len(others)} more": rest}
    columns = [one for one in WORDS if one in _ALWAYS or any(stands[one] for stands in counts.values())]
    longest = max(cell_len(plain(name)) for name in (*counts, "client"))
    heads, sizes = WORDS, _sizes(columns, WORDS, counts)
    if width is not None and _all(longest, sizes) > width:
        heads, sizes = MARKS, _sizes(columns, MARKS, counts)
        longest = min(longest, max(_SHORTEST_NAME, width - _all(0, sizes)))
    told = [_line("  ", "client", longest, [heads[one] for one in columns], sizes, "bold")]
    for name, stands in counts.items():
        mark, style = _mark(stands)
        numbers = [str(stands[one] or "") for one in columns]
        told.append(_line(mark, _cut(plain(name), longest), longest, numbers, sizes, style))
    return told


def _shown(counts: Counts, most: int) -> tuple[list[str], list[str]]:
    """The clients that get a line of their own, in their order, and the others."""
    if len(counts) <= most:
        return list(counts), []
    trouble = sorted(counts, key=lambda name: -sum(counts[name][one] for one in ATTENTION))
    first = set(trouble[: max(1, most - 1)])
    return [name for name in counts if name in first], [name for name in counts if name not in first]


def _mark(stands: Counter[Standing]) -> tuple[str, str]:
    """The mark of the worst that its cases came to, and the style of it."""
    worst = next((one for one in (*ATTENTION, Standing.PASS) if stands[one]), None)
    return (f"{MARKS[worst]} ", STYLES[worst]) if worst is not None else ("  ", "")


def _sizes(columns: Sequence[Standing], heads: Mapping[Standing, str], counts: Counts) -> list[int]:
    """How wide the columns of numbers are."""
    return [max([cell_len(heads[one]), *(len(str(stands[one])) for stands in counts.values())]) for one in columns]


def _all(name: int, sizes: Sequence[int]) -> int:
    """How wide a line is."""
    return 2 + name + sum(_GAP + size for size in sizes)


def _cut(name: str, size: int) -> str:
    return name if cell_len(name) <= size else f"{set_cell_size(name, size - 1)}…"


def _line(mark: str, name: str, longest: int, cells: Sequence[str], sizes: Sequence[int], style: str) -> Text:
    line = Text(f"{mark}{set_cell_size(name, longest)}", style)
    for cell, size in zip(cells, sizes, strict=True):
        line.append(" " * (_GAP + size - cell_len(cell)) + cell)
    return line
