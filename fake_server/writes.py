"""Which effects share a write. Pure.

A system call costs more than all else that an event needs, so what is to be sent at the same moment goes out at once.
But how bytes are cut is what many a fault is about. So no write reaches over a wait or a mark, and from the first mark
of a reply on each ``Send`` is a write of its own. So is the first one, the head: a client that has left is noticed when
one writes to it for the second time, and what it did not get is no part of what was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from fake_server.effects import Effect, Last, Mark, Send, Wait

MOST_BYTES = 1 << 16
"""Nothing joins what has so many: no transport takes more before it lets its writer wait."""
_MOST_WRITES = 16


class Outgoing(NamedTuple):
    """What goes out at the same moment."""

    sends: list[Send]
    """At least one."""
    writes: list[bytes]
    """Their bytes: one write for all of them, or one for each."""


Deed: TypeAlias = Outgoing | Wait | Mark | Last


def together(effects: Iterable[Effect], most: int = MOST_BYTES) -> Iterator[Deed]:
    """The same effects in the same order, with those put together that go out at the same moment.

    Args:
        most: bytes; nothing joins what has them. With 0 each ``Send`` goes out by itself.
    """
    held: list[Send] = []
    size, apart, begun = 0, False, False
    for effect in effects:
        if isinstance(effect, Send):
            held.append(effect)
            size += len(effect.data)
            if begun and size < most and not (apart and len(held) == _MOST_WRITES):
                continue
            begun = True
        if held:
            yield _outgoing(held, apart)
            held, size = [], 0
        if not isinstance(effect, Send):
            apart = apart or isinstance(effect, Mark)
            yield effect
    if held:
        yield _outgoing(held, apart)


def _outgoing(sends: list[Send], apart: bool) -> Outgoing:
    data = [send.data for send in sends]
    return Outgoing(sends, data if apart or len(data) == 1 else [b"".join(data)])


class Prerendered:
    """Effects that are performed again and again: what goes out together is put together once."""

    __slots__ = ("_effects", "deeds")

    def __init__(self, effects: Iterable[Effect]) -> None:
        self._effects = tuple(effects)
        self.deeds = tuple(together(self._effects))

    def __iter__(self) -> Iterator[Effect]:
        return iter(self._effects)


def deeds_of(effects: Iterable[Effect], *, one_by_one: bool) -> Iterable[Deed]:
    """What is to be done for effects; ``one_by_one``, where each ``Send`` goes out by itself."""
    if one_by_one:
        return together(effects, 0)
    return effects.deeds if isinstance(effects, Prerendered) else together(effects)
