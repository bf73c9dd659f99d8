"""Which bytes of a reply are kept: its beginning, those around each fault, and its end. Pure."""

from __future__ import annotations

from collections.abc import Iterable

_BEGINNING, _AROUND, _END = 6000, 1200, 1500
_FAULTS = 8
"""Faults around which bytes are kept, the first ones."""
_LITTLE = 3000
"""Bytes at the beginning that are kept of a case that passed."""


def kept(size: int, faults: Iterable[int], *, is_bad: bool, cut: int = 0) -> list[tuple[int, int]]:
    """Start and end of each stretch that is kept of ``size`` bytes, in order; two touch only at ``cut``.

    Args:
        faults: after how many bytes each fault struck.
        is_bad: whether somebody has to look at the case; of any other only the beginning is kept.
        cut: a place that no stretch goes over, such as the end of the head: clients share what is behind it, for heads
            have a date.
    """
    return [part for span in _wanted(size, faults, is_bad) for part in _cut(span, cut)]


def _cut(span: tuple[int, int], place: int) -> list[tuple[int, int]]:
    start, stop = span
    return [(start, place), (place, stop)] if start < place < stop else [span]


def _wanted(size: int, faults: Iterable[int], is_bad: bool) -> list[tuple[int, int]]:
    if not is_bad:
        return _joined([(0, _LITTLE)], size)
    around = [(place - _AROUND, place + _AROUND) for place in [*faults][:_FAULTS]]
    return _joined([(0, _BEGINNING), *around, (size - _END, size)], size)


def _joined(wanted: Iterable[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for start, stop in sorted((max(0, start), min(size, stop)) for start, stop in wanted):
        if start >= stop:
            continue
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
        else:
            spans.append((start, stop))
    return spans
