"""The body ends politely, as HTTP says it should, before the answer is whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from fake_server.effects import Effect, End
from fake_server.fault import Fault
from fake_server.position import Position, instead, strike


@dataclass(frozen=True, slots=True, kw_only=True)
class EndEarly(Fault):
    """End the body cleanly at ``at``: no error on any layer but the protocol's own."""

    at: Position

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, instead(self.mark(), End()))
