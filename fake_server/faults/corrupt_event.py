"""Damaged bytes inside an event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Annotated

from fake_server.bounds import Between
from fake_server.effects import Effect, Send
from fake_server.fault import EventFault


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptEvent(EventFault):
    """``count`` bytes of the event's data, chosen by the seed, become bytes that no UTF-8 text has."""

    count: Annotated[int, Between(1, 100)] = 3

    def rewrite(self, event: Send, rest: Iterator[Effect], chance: Random) -> Iterator[Effect]:
        data = bytearray(event.data)
        start = data.index(b"data:") + 6
        for place in chance.sample(range(start, len(data) - 2), min(self.count, len(data) - 2 - start)):
            data[place] = 0xFF
        yield replace(event, data=bytes(data))
