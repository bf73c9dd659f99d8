"""No space after the colon."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

from fake_server.effects import Send
from fake_server.fault import StreamFault

_FIELD = re.compile(rb"^(event|data|id|retry): ", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSpace(StreamFault):
    """``data:{...}`` and ``event:x``: the space after the colon is optional in the standard."""

    def rewrite(self, send: Send, chance: Random) -> Iterable[Send]:
        return (replace(send, data=_FIELD.sub(rb"\1:", send.data)),)
