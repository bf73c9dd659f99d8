"""The end comes late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fake_server.bounds import Usually
from harness.toxiproxy.pipe import RECEIVE, Emit, Flow, Pipe, Until
from harness.toxiproxy.toxic import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowClose(Toxic):
    """Data pass; the close behind them waits for ``delay`` milliseconds."""

    delay: Annotated[int, Usually(0, 1000)] = 0
    """Milliseconds."""

    def pipe(self, flow: Flow) -> Pipe:
        while (chunk := (yield RECEIVE)) is not None:
            yield Emit(chunk.data)
        flow.struck()
        yield Until(flow.now + self.delay / 1000)
