"""FIN in the middle of the body, or only the final chunk missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from fake_server.effects import Close, Effect
from fake_server.fault import Fault
from fake_server.position import AtEnd, Position, instead, strike


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseEarly(Fault):
    """Close the connection at ``at``; at :class:`AtEnd` only the final chunk is missing."""

    at: Position = AtEnd()

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, instead(self.mark(), Close()))
