"""Nothing happens."""

from __future__ import annotations

from dataclasses import dataclass

from harness.toxiproxy.pipe import RECEIVE, Emit, Flow, Pipe
from harness.toxiproxy.toxic import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class Noop(Toxic):
    """Passes everything on."""

    def pipe(self, flow: Flow) -> Pipe:
        while (chunk := (yield RECEIVE)) is not None:
            flow.struck()
            yield Emit(chunk.data)
