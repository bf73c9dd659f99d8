"""Bytes that the model never said, inside the body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from fake_server.effects import Effect, Send
from fake_server.fault import Fault
from fake_server.position import Position, strike


@dataclass(frozen=True, slots=True, kw_only=True)
class Inject(Fault):
    """Put ``data`` into the body at ``at``: comments, a BOM, HTML, NUL, an event, anything."""

    at: Position
    data: bytes

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, self._injected)

    def _injected(self, rest: Iterator[Effect]) -> Iterator[Effect]:
        yield self.mark(f"{len(self.data)} bytes")
        yield Send(self.data)
        yield from rest
