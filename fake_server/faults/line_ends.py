"""Other line endings than LF."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from fake_server.effects import Send
from fake_server.fault import StreamFault

# A run of newlines gets one style: CR then LF would be read as a single line ending.
_NEWLINES = re.compile(rb"\n+")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEnds(StreamFault):
    """End lines with ``style``: CR, CRLF, or one of the three drawn anew each time ("mixed")."""

    style: Literal["cr", "crlf", "mixed"]

    def rewrite(self, send: Send, chance: Random) -> Iterable[Send]:
        return (replace(send, data=_NEWLINES.sub(lambda run: self._ending(chance) * len(run.group()), send.data)),)

    def _ending(self, chance: Random) -> bytes:
        return {"cr": b"\r", "crlf": b"\r\n"}.get(self.style) or chance.choice((b"\n", b"\r", b"\r\n"))
