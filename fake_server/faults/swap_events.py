"""Two events in the wrong order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from fake_server.effects import Effect, Send
from fake_server.fault import EventFault


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapEvents(EventFault):
    """The event and the one after it change places; the last one stays where it is."""

    def rewrite(self, event: Send, rest: Iterator[Effect], chance: Random) -> Iterator[Effect]:
        between: list[Effect] = []
        for effect in rest:
            if isinstance(effect, Send):
                yield from (effect, *between, event)
                return
            between.append(effect)
        yield from (event, *between)
