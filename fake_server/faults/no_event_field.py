"""Events without their ``event`` line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

from fake_server.effects import Send
from fake_server.fault import StreamFault

_EVENT_LINE = re.compile(rb"\Aevent:[^\r\n]*(?:\r\n|\r|\n)")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoEventField(StreamFault):
    """Leave out every ``event:`` line; the type is still inside the JSON."""

    def rewrite(self, send: Send, chance: Random) -> Iterable[Send]:
        return (replace(send, data=_EVENT_LINE.sub(b"", send.data, count=1)),)
