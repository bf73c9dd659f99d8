"""A compressed body, whole or cut inside the compressed stream."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Between
from fake_server.effects import Effect, End, Send
from fake_server.fault import Fault
from fake_server.wire import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class GzipBody(Fault):
    """Compress the body, flushing after each event; the last ``drop`` bytes are never sent, and HTTP ends cleanly."""

    drop: Annotated[int, Between(0, 100_000)] = 0

    def head(self, head: Head) -> Head:
        return head.with_header("content-encoding", "gzip")

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        pieces = list(_compress(effects))
        total = sum(len(piece.data) for piece in pieces if isinstance(piece, Send))
        yield self.mark(f"{self.drop} bytes dropped")
        sent = 0
        for piece in pieces:
            if isinstance(piece, Send):
                piece, sent = Send(piece.data[: max(0, total - self.drop - sent)]), sent + len(piece.data)
            yield piece


def _compress(effects: Iterable[Effect]) -> Iterator[Effect]:
    gzip = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    for effect in effects:
        if isinstance(effect, Send):
            yield Send(gzip.compress(effect.data) + gzip.flush(zlib.Z_SYNC_FLUSH))
        elif isinstance(effect, End):
            yield Send(gzip.flush())
            yield effect
        else:
            yield effect
