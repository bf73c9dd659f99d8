"""An event without data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from fake_server.effects import Effect, Send
from fake_server.fault import EventFault


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyData(EventFault):
    """The event keeps its name and loses its data: ``data:`` and nothing."""

    def fits(self, event: Send) -> bool:
        return b"data:" in event.data

    def rewrite(self, event: Send, rest: Iterator[Effect], chance: Random) -> Iterator[Effect]:
        start = event.data.index(b"data:")
        yield replace(event, data=event.data[:start] + b"data:\n\n")
