"""The connection is reset at once, live ones too. An extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fake_server.bounds import Usually
from harness.toxiproxy.pipe import Flow, Pipe, Reset, Until
from harness.toxiproxy.toxic import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetNow(Toxic):
    """Both sides get RST as soon as the toxic is there, or has let ``after_bytes`` pass; no data need to come.

    RST makes the receiver forget what it has not read yet, so ``delay`` gives it time for that; nothing passes then.
    """

    delay: Annotated[int, Usually(0, 500)] = 0
    """Milliseconds."""

    def pipe(self, flow: Flow) -> Pipe:
        yield Until(flow.began + self.delay / 1000)
        flow.struck()
        yield Reset()
