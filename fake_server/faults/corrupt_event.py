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

    def fits(self, event: Send) -> bool:
        return len(_places(event)) > 0

    def rewrite(self, event: Send, rest: Iterator[Effect], chance: Random) -> Iterator[Effect]:
        data, places = bytearray(event.data), _places(event)
        for place in chance.sample(places, min(self.count, len(places))):
            data[place] = 0xFF
        yield replace(event, data=bytes(data))


def _places(event: Send) -> range:
    """Where the data of an event are, without its blank line."""
    name, field, _ = event.data.partition(b"data:")
    return range(len(name) + 6, len(event.data) - 2) if field else range(0)
