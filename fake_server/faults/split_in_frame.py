"""The same bytes with one cut counted on the wire: inside the head, a chunk or its size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Between
from fake_server.effects import Effect, Wait
from fake_server.fault import Fault
from fake_server.position import Position, strike


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitInFrame(Fault):
    """One cut at ``at`` counted on the wire, so that what HTTP holds together comes in two reads.

    Bytes that are written at once are read at once, so the server waits ``seconds`` between both parts.
    """

    at: Position
    seconds: Annotated[float, Between(0, 10)] = 0.01

    def wire(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, self._apart)

    def _apart(self, rest: Iterator[Effect]) -> Iterator[Effect]:
        yield self.mark()
        yield Wait(self.seconds)
        yield from rest
