"""Data come in small pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Usually
from harness.toxiproxy.pipe import RECEIVE, Emit, Flow, Pipe, Until
from harness.toxiproxy.toxic import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicer(Toxic):
    """Each chunk is halved until its pieces have about ``average_size`` bytes; ``delay`` follows each piece.

    Pieces have at most ``average_size + size_variation`` bytes. An average below 1 passes chunks whole.
    """

    average_size: Annotated[int, Usually(0, 100)] = 0
    """Bytes."""
    size_variation: Annotated[int, Usually(0, 50)] = 0
    """Bytes."""
    delay: Annotated[int, Usually(0, 10_000)] = 0
    """Microseconds."""

    def pipe(self, flow: Flow) -> Pipe:
        free = max(flow.since, flow.waited)
        while (chunk := (yield RECEIVE)) is not None:
            free = max(free, chunk.at)
            start, ends = 0, [*self._ends(0, len(chunk.data), flow.chance)]
            if len(ends) > 1:
                flow.struck()
            for end in ends:
                yield Emit(chunk.data[start:end])
                start = end
                free += max(self.delay, 0) / 1_000_000
                yield Until(free)

    def _ends(self, start: int, end: int, chance: Random) -> Iterator[int]:
        """Where the pieces of ``[start, end)`` end, by halving at a place that varies."""
        todo = [(start, end)]
        variation = max(self.size_variation, 0)
        while todo:
            start, end = todo.pop()
            if end - start <= 1 or self.average_size < 1 or end - start - self.average_size <= variation:
                yield end
                continue
            middle = start + (end - start) // 2
            middle += chance.randrange(2 * variation) - variation if variation else 0
            middle = min(max(middle, start + 1), end - 1)
            todo += [(middle, end), (start, middle)]
