"""The connection is closed after so many bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fake_server.bounds import Usually
from harness.toxiproxy.pipe import RECEIVE, Emit, Flow, Pipe
from harness.toxiproxy.toxic import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitData(Toxic):
    """Exactly ``bytes`` bytes pass, then the connection is closed at once.

    With 0 (or less) it is closed when the first byte comes. The count survives updates.
    """

    bytes: Annotated[int, Usually(0, 4000)] = 0

    def pipe(self, flow: Flow) -> Pipe:
        while (chunk := (yield RECEIVE)) is not None:
            left = max(0, self.bytes - (flow.passed - flow.spared))
            reached = left <= len(chunk.data)
            if left:
                yield Emit(chunk.data[:left])
            if reached:
                flow.struck()
                return
