"""FIN counted on the wire: inside the head, or inside a chunk whose size was declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from fake_server.effects import Close, Effect
from fake_server.fault import Fault
from fake_server.position import Position, instead, strike


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseInFrame(Fault):
    """Close the connection at ``at`` counted on the wire, so that a chunk stays shorter than its declared size."""

    at: Position

    def wire(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, instead(self.mark(), Close()))
