"""Nothing comes through, and after a silence the connection is closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fake_server.bounds import Usually
from harness.toxiproxy.pipe import FOREVER, Drop, Flow, Pipe, Receive
from harness.toxiproxy.toxic import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout(Toxic):
    """All data are dropped; after ``timeout`` milliseconds in which none came the connection is closed.

    With 0 it is never closed. Removing the toxic closes the connections of its stream, because bytes are missing.
    """

    closes_when_removed: ClassVar[bool] = True

    timeout: Annotated[int, Usually(0, 1000)] = 0
    """Milliseconds without data; 0 waits for ever."""

    def pipe(self, flow: Flow) -> Pipe:
        quiet_since = flow.began
        while (chunk := (yield Receive(self._deadline(quiet_since)))) is not None:
            flow.struck()
            if not chunk.data:
                return
            quiet_since = flow.now
            yield Drop()

    def _deadline(self, quiet_since: float) -> float:
        return quiet_since + self.timeout / 1000 if self.timeout > 0 else FOREVER
