"""Two events run into one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from fake_server.effects import Effect, Send
from fake_server.fault import EventFault


@dataclass(frozen=True, slots=True, kw_only=True)
class GlueEvents(EventFault):
    """The event loses its second half and its blank line, so that the next one is glued to it."""

    def rewrite(self, event: Send, rest: Iterator[Effect], chance: Random) -> Iterator[Effect]:
        half = event.data[: len(event.data) // 2].decode("utf-8", "ignore").encode()
        yield replace(event, data=half + b"\n")
