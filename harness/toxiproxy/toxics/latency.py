"""Data come later; order and rate stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fake_server.bounds import Usually
from harness.toxiproxy.pipe import RECEIVE, Emit, Flow, Pipe, Until
from harness.toxiproxy.toxic import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(Toxic):
    """Each chunk is passed on ``latency ± jitter`` milliseconds after it came, and never before an earlier one.

    Chunks wait side by side (up to 1,024 of them), so the delay does not add up. A close is delayed only behind data.
    """

    buffer: ClassVar[int] = 1024

    latency: Annotated[int, Usually(0, 500)] = 0
    """Milliseconds."""
    jitter: Annotated[int, Usually(0, 200)] = 0
    """Milliseconds; the delay is drawn evenly from ``[latency - jitter, latency + jitter)``."""

    def pipe(self, flow: Flow) -> Pipe:
        while (chunk := (yield RECEIVE)) is not None:
            delay = self.latency + (flow.chance.randrange(2 * self.jitter) - self.jitter if self.jitter > 0 else 0)
            if not flow.strikes:  # later ones are not told, and there are many
                flow.struck(f"{delay} ms")
            yield Until(chunk.at + delay / 1000)
            yield Emit(chunk.data)
