"""Virtual time: what is due, in order of time, and in order of entry where the time is the same. Pure."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

EPOCH = 1_800_000_000.0
"""The wall clock at virtual time 0: runs with one seed write the same dates."""

Do = Callable[[], None]


class Agenda(Protocol):
    """A clock and a list of what is to be done when."""

    def now(self) -> float:
        """Seconds since the beginning."""
        ...

    def at(self, time: float, do: Do) -> None:
        """Do it then; at once, but after all that is due already, when the time has come."""
        ...


class VirtualAgenda:
    """Time goes on to whatever is due next, so waiting costs nothing."""

    def __init__(self) -> None:
        self._now = 0.0
        self._due: list[tuple[float, int, Do]] = []
        self._entries = 0

    def now(self) -> float:
        """Seconds since the beginning."""
        return self._now

    def at(self, time: float, do: Do) -> None:
        """Do it then; at once, but after all that is due already, when the time has come."""
        self._entries += 1
        heappush(self._due, (max(time, self._now), self._entries, do))

    def run(self, over: Callable[[], bool], until: float) -> None:
        """Do what is due, until it is over, or nothing more is due before ``until``.

        Raises:
            RuntimeError: time stands still: a fault of the simulation.
        """
        steps, at = 0, self._now
        while not over() and self._due and self._due[0][0] <= until:
            time, _, do = heappop(self._due)
            steps, at = (steps + 1, at) if time == at else (0, time)
            if steps > _MOST_AT_ONCE:
                raise RuntimeError(f"the simulation does not get on from {at:g} s")
            self._now = time
            do()
        if not over():
            self._now = max(self._now, until)


_MOST_AT_ONCE = 1_000_000
