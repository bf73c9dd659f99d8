"""Everything stands still for a while, and nothing is lost. An extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fake_server.bounds import Usually
from harness.toxiproxy.pipe import FOREVER, RECEIVE, Flow, Pipe, Until
from harness.toxiproxy.toxic import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall(Toxic):
    """The next data (or the end) wait for ``duration`` milliseconds, and all that follows behind them, once.

    With 0 they wait until the toxic is removed. With ``after_bytes`` a stream stands still in the middle.
    """

    duration: Annotated[int, Usually(0, 1500)] = 0
    """Milliseconds; 0 waits for ever."""

    def pipe(self, flow: Flow) -> Pipe:
        yield RECEIVE
        flow.struck()
        yield Until(flow.now + self.duration / 1000 if self.duration > 0 else FOREVER)
        yield from Toxic.pipe(self, flow)
