"""The same bytes in small pieces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Between
from fake_server.effects import Send
from fake_server.fault import StreamFault


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitEvery(StreamFault):
    """Cut every event into pieces of ``size`` bytes, each an HTTP chunk of its own."""

    size: Annotated[int, Between(1, 1 << 20)] = 1

    def rewrite(self, send: Send, chance: Random) -> Iterable[Send]:
        return send.cut(*range(self.size, len(send.data), self.size))
