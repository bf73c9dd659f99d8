"""One event in several ``data`` lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

from fake_server.effects import Send
from fake_server.fault import StreamFault

# In the API's events the first comma always follows the value of "type", so it is never inside a string.
_COMMA = re.compile(rb"data: \{[^,]*,")


@dataclass(frozen=True, slots=True, kw_only=True)
class MultilineData(StreamFault):
    """Break the JSON of each event after its first comma outside a string, into two ``data`` lines."""

    def rewrite(self, send: Send, chance: Random) -> Iterable[Send]:
        place = _COMMA.search(send.data)
        if place is not None:
            send = replace(send, data=send.data[: place.end()] + b"\ndata: " + send.data[place.end() :])
        return (send,)
