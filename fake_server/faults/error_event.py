"""An error inside a 200."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from fake_server.effects import Close, Effect, End, Reset, Send, Stall
from fake_server.fault import Fault
from fake_server.position import Position, strike
from fake_server.wire import sse


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEvent(Fault):
    """An ``error`` event inside the 200, then the end of the body; no ``event:`` line if ``event_name`` is None."""

    at: Position
    kind: str = "overloaded_error"
    message: str = "Overloaded"
    event_name: str | None = "error"

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, self._error)

    def _error(self, rest: Iterator[Effect]) -> Iterator[Effect]:
        error = {"type": "error", "error": {"type": self.kind, "message": self.message}}
        yield self.mark(self.kind)
        yield Send(sse(self.event_name, json.dumps(error)), "error")
        yield from (effect for effect in rest if isinstance(effect, End | Close | Reset | Stall))
