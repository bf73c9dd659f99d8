"""Which effects share a write. Pure.

A system call costs more than all else that an event needs, so what is to be sent at the same moment goes out at once.
But how bytes are cut is what many a fault is about. So no write reaches over a wait or a mark, and from the first mark
of a reply on each ``Send`` is written by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from fake_server.effects import Effect, Last, Mark, Send, Wait

AT_ONCE_BYTES = 1 << 16
"""Nothing joins a write that has so many: no transport takes more before it lets its writer wait."""

Write: TypeAlias = list[Send]
"""One or more that go out together."""
Deed: TypeAlias = Write | Wait | Mark | Last


def together(effects: Iterable[Effect], at_once: int = AT_ONCE_BYTES) -> Iterator[Deed]:
    """The same effects in the same order, with those in one list that share a write.

    Args:
        at_once: bytes; nothing joins a write that has them. With 0 each is written by itself.
    """
    held: Write = []
    size, apart = 0, at_once == 0
    for effect in effects:
        if isinstance(effect, Send):
            held.append(effect)
            size += len(effect.data)
            if not apart and size < at_once:
                continue
        if held:
            yield held
            held, size = [], 0
        if not isinstance(effect, Send):
            apart = apart or isinstance(effect, Mark)
            yield effect
    if held:
        yield held
