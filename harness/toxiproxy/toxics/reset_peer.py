"""The connection is reset when data come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fake_server.bounds import Usually
from harness.toxiproxy.pipe import RECEIVE, Drop, Flow, Pipe, Reset, Until
from harness.toxiproxy.toxic import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPeer(Toxic):
    """The first chunk (or the end) is swallowed; ``timeout`` milliseconds later both sides get RST.

    Until then the other direction flows. Without data in its direction there is no reset.
    """

    timeout: Annotated[int, Usually(0, 500)] = 0
    """Milliseconds."""

    def pipe(self, flow: Flow) -> Pipe:
        if not flow.lost and (yield RECEIVE) is not None:
            yield Drop()
        yield Until(flow.now + self.timeout / 1000)
        flow.struck()
        yield Reset()
