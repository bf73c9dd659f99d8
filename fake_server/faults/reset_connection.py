"""RST in the middle of the body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Between
from fake_server.effects import Effect, Reset, Wait
from fake_server.fault import Fault
from fake_server.position import Position, instead, strike


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetConnection(Fault):
    """Reset the connection at ``at``.

    RST discards what the receiver has not read, so the server first waits ``grace`` seconds: every byte before
    ``at`` is then with the client, and the fault is the reset and not the loss.
    """

    at: Position
    grace: Annotated[float, Between(0, 10)] = 0.05

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, instead(Wait(self.grace), self.mark(), Reset()))
