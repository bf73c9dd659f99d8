"""Cuts inside characters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from fake_server.effects import Send
from fake_server.fault import StreamFault


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCharacters(StreamFault):
    """Cut inside every multi-byte UTF-8 character, before its last byte."""

    def rewrite(self, send: Send, chance: Random) -> Iterable[Send]:
        data = send.data
        return send.cut(*(i for i in range(1, len(data) - 1) if _continues(data[i]) and not _continues(data[i + 1])))


def _continues(byte: int) -> bool:
    return 0x80 <= byte < 0xC0
