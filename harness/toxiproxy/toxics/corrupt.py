"""Bits are flipped on the way. An extension."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Usually
from harness.toxiproxy.pipe import FOREVER, RECEIVE, Emit, Flow, Pipe
from harness.toxiproxy.toxic import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrupt(Toxic):
    """In each byte, with ``probability``, one bit is flipped; at most ``count`` times on a connection.

    The length stays as it is. With ``after_bytes=n, probability=1, count=1`` it is the byte behind the first n.
    """

    probability: Annotated[float, Usually(0, 1)] = 0.0
    """Of each byte, from 0 to 1."""
    count: Annotated[int, Usually(0, 10)] = 0
    """Most bytes to change; 0 is no limit."""

    def pipe(self, flow: Flow) -> Pipe:
        left = self.count - flow.strikes if self.count > 0 else FOREVER
        gap = self._gap(flow.chance)
        while (chunk := (yield RECEIVE)) is not None:
            data = bytearray(chunk.data)
            while gap < len(data) and left > 0:
                data[int(gap)] ^= 1 << flow.chance.randrange(8)
                flow.struck(f"byte {flow.passed + int(gap)}")
                left -= 1
                gap += 1 + self._gap(flow.chance)
            gap = max(gap - len(data), 0)
            yield Emit(bytes(data))

    def _gap(self, chance: Random) -> float:
        """Bytes that stay whole before the next that does not: a geometric distribution."""
        if not 0 < self.probability < 1:
            return 0 if self.probability >= 1 else FOREVER
        return math.log(1 - chance.random()) // math.log1p(-self.probability)
