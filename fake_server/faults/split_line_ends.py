"""Cuts inside line endings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Between, Usually
from fake_server.effects import Effect, Send, Wait
from fake_server.fault import StreamFault


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitLineEnds(StreamFault):
    """Cut after every CR and LF: CR from LF, and the two newlines of a blank line.

    Bytes that are written at once may be read at once, so the server waits ``seconds`` at each cut.
    """

    seconds: Annotated[float, Between(0, 10), Usually(0, 0.01)] = 0.001

    def rewrite(self, send: Send, chance: Random) -> Iterator[Effect]:
        data = send.data
        first, *others = send.cut(*(i + 1 for i in range(len(data) - 1) if data[i] in b"\r\n"))
        yield first
        for piece in others:
            yield Wait(self.seconds)
            yield piece
