"""Bytes that the model never said, inside the body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Examples
from fake_server.effects import Effect, Send
from fake_server.fault import Fault
from fake_server.position import Position, strike

_STRAY = (
    *(b": ping\n\n", b"\n", b"\n\n", b"retry: 3000\n\n", b"id: a\x00b\n", b"\xef\xbb\xbf", b"\0", b"data: 42\n\n"),
    *(b"data: [DONE]\n\n", b"data: : PROCESSING\n\n", b"event: error\ndata: Too many requests\n\n"),
    *(b'event: brand_new\ndata: {"type":"brand_new"}\n\n', b'event: ping\ndata: {"type":"ping"}\n\n'),
    b"<html><body><h1>504 Gateway Time-out</h1></body></html>\n\n",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inject(Fault):
    """Put ``data`` into the body at ``at``: comments, a BOM, HTML, NUL, an event, anything."""

    at: Position
    data: Annotated[bytes, Examples(_STRAY)]

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, self._injected)

    def _injected(self, rest: Iterator[Effect]) -> Iterator[Effect]:
        yield self.mark(f"{len(self.data)} bytes")
        yield Send(self.data)
        yield from rest
