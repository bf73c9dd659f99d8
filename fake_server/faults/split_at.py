"""The same bytes with one cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from fake_server.effects import Effect
from fake_server.fault import Fault
from fake_server.position import Position, strike


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitAt(Fault):
    """One cut at ``at``: the bytes before it and after it are separate HTTP chunks."""

    at: Position

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, self._marked)

    def _marked(self, rest: Iterator[Effect]) -> Iterator[Effect]:
        yield self.mark()
        yield from rest
