"""Data come at a limited rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fake_server.bounds import Usually
from harness.toxiproxy.pipe import FOREVER, RECEIVE, Emit, Flow, Pipe, Until
from harness.toxiproxy.toxic import Toxic

_PIECE_MS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth(Toxic):
    """Each chunk takes ``len / rate``; longer ones come in pieces of 100 ms. Idle time earns no credit.

    With a rate of 0 (or less) nothing passes, and no close behind it.
    """

    buffer: ClassVar[int] = 32
    """At 64 MB/s a chunk is over in half a millisecond: the next ones are there when the machine comes late."""

    rate: Annotated[int, Usually(0, 1000)] = 0
    """KB/s, and a KB has 1,000 bytes: bytes per millisecond."""

    def pipe(self, flow: Flow) -> Pipe:
        free = max(flow.since, flow.waited)
        while (chunk := (yield RECEIVE)) is not None:
            flow.struck()
            if self.rate <= 0:
                yield Until(FOREVER)
            free = max(free, chunk.at)
            size = self.rate * _PIECE_MS
            for start in range(0, len(chunk.data), size):
                piece = chunk.data[start : start + size]
                free += len(piece) / self.rate / 1000
                yield Until(free)
                yield Emit(piece)
