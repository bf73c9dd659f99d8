"""The same bytes again and again: pings without progress."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Between, Examples, Usually
from fake_server.effects import Effect, Send, Wait
from fake_server.fault import Fault
from fake_server.position import Position, strike
from fake_server.wire import sse

PING = sse("ping", '{"type": "ping"}')


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatBytes(Fault):
    """Send ``data`` (a ping) ``count`` times at ``at``, every ``every`` seconds; the answer then goes on."""

    at: Position
    every: Annotated[float, Between(0, 3600), Usually(0, 0.2)]
    count: Annotated[int, Between(1, 1_000_000), Usually(1, 50)]
    data: Annotated[bytes, Examples((PING, b": keepalive\n\n", b"\n"))] = PING

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, self._flood)

    def _flood(self, rest: Iterator[Effect]) -> Iterator[Effect]:
        yield self.mark(f"{self.count} times")
        for _ in range(self.count):
            yield Send(self.data)
            if self.every:
                yield Wait(self.every)
        yield from rest
