"""Heartbeats, comments, blank lines and odd fields between all events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Examples
from fake_server.effects import Effect, End, Send
from fake_server.fault import Fault

_BETWEEN = (
    *(b": ping\n\n", b":\n\n", b"\n", b": ping\n\n\n", b":\n\n: keepalive\n\n: PROCESSING\n"),
    *(b"id: 1\n", b"retry: 3000\n\n", b"data:\n\nevent: ping\ndata: \n\n", b"unknown: field\nnocolon\n\n"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BetweenEvents(Fault):
    """Put ``data`` before every event and after the last: heartbeats, comments, blank lines, odd fields."""

    data: Annotated[bytes, Examples(_BETWEEN)]

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        yield self.mark()
        for effect in effects:
            if isinstance(effect, End) or (isinstance(effect, Send) and effect.event is not None):
                yield Send(self.data)
            yield effect
