"""Silence without an end: the far side is gone and nobody says so. An extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.toxiproxy.pipe import RECEIVE, Drop, Flow, Pipe, Silence
from harness.toxiproxy.toxic import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfOpen(Toxic):
    """All data are dropped, and the close behind them: the receiver waits on a connection that looks alive.

    It ends when the receiver itself closes. Removing the toxic closes the connections of its stream.
    """

    closes_when_removed: ClassVar[bool] = True

    def pipe(self, flow: Flow) -> Pipe:
        while (yield RECEIVE) is not None:
            flow.struck()
            yield Drop()
        flow.struck()
        yield Silence()
