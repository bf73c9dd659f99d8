"""The request is taken and nothing is answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from fake_server.effects import Effect, Stall
from fake_server.fault import Fault
from fake_server.position import AtByte, instead, strike


@dataclass(frozen=True, slots=True, kw_only=True)
class StallBeforeHead(Fault):
    """Take the request and answer nothing, not even a status line."""

    def wire(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, AtByte(0), instead(self.mark(), Stall()))
