"""One bad line in a healthy stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from fake_server.effects import Effect, Send
from fake_server.fault import EventFault


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedJson(EventFault):
    """The event's JSON stops half way, the framing goes on: one bad line in a healthy stream."""

    def fits(self, event: Send) -> bool:
        return b"data:" in event.data

    def rewrite(self, event: Send, rest: Iterator[Effect], chance: Random) -> Iterator[Effect]:
        start = event.data.index(b"data:")
        cut = start + (len(event.data) - start) // 2
        yield replace(event, data=event.data[:cut].decode("utf-8", "ignore").encode() + b"\n\n")
