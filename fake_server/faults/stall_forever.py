"""Silence on an open connection, for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from fake_server.effects import Effect, Stall
from fake_server.fault import Fault
from fake_server.position import Position, instead, strike


@dataclass(frozen=True, slots=True, kw_only=True)
class StallForever(Fault):
    """Send nothing more from ``at`` (a place in the body) on, and hold the connection open."""

    at: Position

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, instead(self.mark(), Stall()))
