"""The first data of a connection come late, all others in time. An extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fake_server.bounds import Usually
from harness.toxiproxy.pipe import Flow, Pipe, Until
from harness.toxiproxy.toxic import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowOpen(Toxic):
    """Nothing passes in the first ``delay`` milliseconds of a connection."""

    delay: Annotated[int, Usually(0, 1500)] = 0
    """Milliseconds."""

    def pipe(self, flow: Flow) -> Pipe:
        flow.struck()
        yield Until(flow.since + self.delay / 1000)
        yield from Toxic.pipe(self, flow)
