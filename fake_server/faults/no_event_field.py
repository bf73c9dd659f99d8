"""Events without their ``event`` line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

from fake_server.effects import Send
from fake_server.fault import StreamFault


@dataclass(frozen=True, slots=True, kw_only=True)
class NoEventField(StreamFault):
    """Leave out every ``event:`` line; the type is still inside the JSON."""

    def rewrite(self, send: Send, chance: Random) -> Iterable[Send]:
        if send.data.startswith(b"event:"):
            send = replace(send, data=send.data.partition(b"\n")[2])
        return (send,)
