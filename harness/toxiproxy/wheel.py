"""A timer wheel: any number of moments, and one question, what is due. Pure.

Moments that are near each other share a spoke, so putting one in, taking it back and finding it due cost the same
however many there are. A spoke lies behind its moments, never before them: what is due is never early.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from math import ceil
from typing import Generic, TypeVar

from harness.toxiproxy.pipe import FOREVER

SPOKES_PER_SECOND = 10_000
"""How late a moment may be for the wheel's sake: a tenth of a millisecond."""
_DEAD_SPOKES = 64

T = TypeVar("T")


class Wheel(Generic[T]):
    """Items, each with a moment in seconds; those of one spoke are due in the order in which they came."""

    def __init__(self) -> None:
        self._spokes: dict[int, dict[T, None]] = {}
        self._order: list[int] = []
        """The numbers of all spokes, and of some that are empty by now: a heap."""

    @property
    def next(self) -> float:
        """When something is due again; infinity when nothing is."""
        while self._order and self._order[0] not in self._spokes:
            heappop(self._order)
        return self._order[0] / SPOKES_PER_SECOND if self._order else FOREVER

    def put(self, at: float, item: T) -> None:
        """``item`` is due at the finite moment ``at``; it may be in only once."""
        number = ceil(at * SPOKES_PER_SECOND)
        spoke = self._spokes.get(number)
        if spoke is None:
            spoke = self._spokes[number] = {}
            heappush(self._order, number)
        spoke[item] = None

    def take_back(self, at: float, item: T) -> None:
        """``item`` was put in for ``at`` and is not due any more; nothing happens when it has been already."""
        number = ceil(at * SPOKES_PER_SECOND)
        spoke = self._spokes.get(number, {})
        spoke.pop(item, None)
        if not spoke and self._spokes.pop(number, None) is not None:
            self._tidy()

    def due(self, now: float) -> list[T]:
        """What is due by now, in order; it is no longer in the wheel."""
        items: list[T] = []
        while self.next <= now:
            items += self._spokes.pop(heappop(self._order))
        return items

    def _tidy(self) -> None:
        """Do not keep hours of numbers whose spokes are gone."""
        if len(self._order) > 2 * len(self._spokes) + _DEAD_SPOKES:
            self._order = list(self._spokes)
            heapify(self._order)
