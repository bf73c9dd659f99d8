"""Silence for a while, in a healthy stream."""

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
class Pause(Fault):
    """Be silent for ``seconds`` at ``at``, then go on as if nothing had happened."""

    at: Position
    seconds: Annotated[float, Between(0, 3600)]

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, self._pause)

    def _pause(self, rest: Iterator[Effect]) -> Iterator[Effect]:
        yield self.mark(f"{self.seconds:g} s")
        yield Wait(self.seconds)
        yield from rest
