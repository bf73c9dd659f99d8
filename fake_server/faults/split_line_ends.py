"""Cuts inside line endings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from fake_server.effects import Send
from fake_server.fault import StreamFault


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitLineEnds(StreamFault):
    """Cut after every CR and LF: CR from LF, and the two newlines of a blank line."""

    def rewrite(self, send: Send, chance: Random) -> Iterable[Send]:
        data = send.data
        return send.cut(*(i + 1 for i in range(len(data) - 1) if data[i] in b"\r\n"))
