"""Two events in the wrong order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from fake_server.effects import Effect, Send
from fake_server.fault import EventFault


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapEvents(EventFault):
    """The event and the one after it change places."""

    def rewrite(self, event: Send, rest: Iterator[Effect], chance: Random) -> Iterator[Effect]:
        for effect in rest:
            yield effect
            if isinstance(effect, Send):
                break
        yield event
