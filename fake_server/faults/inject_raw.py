"""Bytes without HTTP framing on the connection: a proxy's error inside a chunked body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Examples
from fake_server.effects import Effect, Send
from fake_server.fault import Fault
from fake_server.position import Position, strike

_RAW = (b"\0", b"\r\n", b"0\r\n\r\n", b"<html>", b"zz\r\n", b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectRaw(Fault):
    """Put ``data`` on the connection at ``at`` without HTTP framing: a proxy's error inside a chunked body."""

    at: Position
    data: Annotated[bytes, Examples(_RAW)]

    def wire(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, self._injected)

    def _injected(self, rest: Iterator[Effect]) -> Iterator[Effect]:
        yield self.mark(f"{len(self.data)} bytes")
        yield Send(self.data)
        yield from rest
