"""An error inside a 200."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Examples
from fake_server.effects import Close, Effect, End, Reset, Send, Stall
from fake_server.fault import Fault
from fake_server.position import Position, strike
from fake_server.wire import sse

_KINDS = (
    *("overloaded_error", "api_error", "rate_limit_error", "timeout_error", "invalid_request_error"),
    *("authentication_error", "permission_error", "billing_error", "not_found_error", "weather_error"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEvent(Fault):
    """An ``error`` event inside the 200, then the end of the body; no ``event:`` line if ``event_name`` is None."""

    at: Position
    kind: Annotated[str, Examples(_KINDS)] = "overloaded_error"
    message: Annotated[str, Examples(("Overloaded", "Internal server error", ""))] = "Overloaded"
    event_name: Annotated[str | None, Examples(("error", None, "message"))] = "error"

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, self._error)

    def _error(self, rest: Iterator[Effect]) -> Iterator[Effect]:
        error = {"type": "error", "error": {"type": self.kind, "message": self.message}}
        yield self.mark(self.kind)
        yield Send(sse(self.event_name, json.dumps(error)), "error")
        yield from (effect for effect in rest if isinstance(effect, End | Close | Reset | Stall))
