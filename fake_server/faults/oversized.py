"""A line that never ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Between
from fake_server.effects import Effect, Send, Stall
from fake_server.fault import Fault
from fake_server.position import Position, strike


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversized(Fault):
    """A line that grows to ``size`` bytes without ever ending, then silence: no parser may keep it all."""

    at: Position
    size: Annotated[int, Between(1, 1 << 30)]

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, self._endless)

    def _endless(self, rest: Iterator[Effect]) -> Iterator[Effect]:
        yield self.mark(f"{self.size} bytes")
        yield Send(b"data: ")
        block = b"x" * 65536
        for sent in range(0, self.size, len(block)):
            yield Send(block[: self.size - sent])
        yield Stall()
