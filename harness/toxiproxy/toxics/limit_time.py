"""The connection is closed after a time, though data flow. An extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fake_server.bounds import Usually
from harness.toxiproxy.pipe import Emit, Flow, Pipe, Receive
from harness.toxiproxy.toxic import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitTime(Toxic):
    """Data pass for ``time`` milliseconds, counted from the opening of the connection or from the toxic's coming."""

    time: Annotated[int, Usually(0, 1500)] = 0
    """Milliseconds."""

    def pipe(self, flow: Flow) -> Pipe:
        deadline = flow.since + self.time / 1000
        while (chunk := (yield Receive(deadline))) is not None:
            if flow.now >= deadline:
                flow.struck()
                return
            yield Emit(chunk.data)
