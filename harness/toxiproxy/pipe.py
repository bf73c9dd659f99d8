"""The words in which a toxic says what happens to the bytes of one direction of one connection. Pure.

A toxic is a generator. It yields what it wants and is resumed when that is so:

* ``Receive`` waits for the next chunk: first what is still in hand, then what comes; ``None`` is the end of the data,
  and a chunk without bytes says that the time given in ``until`` has come first;
* ``Until`` waits for a moment;
* ``Emit`` passes bytes on, which stand for as many bytes of what is in hand; it waits while there is no room;
* ``Drop`` loses what is in hand;
* ``Silence`` waits until the peer on the far side has closed, and no longer;
* ``Reset`` ends the connection with RST, both ways and at once.

Rules:

1. What was received is in hand until it is emitted or dropped: no byte is lost but by ``Drop``, or by returning.
2. Returning closes the far side, after all that was emitted has gone out.
3. A toxic that is updated starts again, at its next ``Receive``, ``Until`` or ``Silence``, with the same chunk in hand.
4. A toxic that is removed is closed there; what it has in hand and what waits before it moves on at once.
5. Each chunk carries its own time. What a toxic emits after ``Until(t)`` has happened at ``t``, however late the
   machine came: so lateness never adds up, and toxics in a row add exactly.
6. Where bytes were dropped none follow: a toxic that was updated and does not act any more ends the connection instead.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

import msgspec

CHUNK_BYTES = 32 * 1024
"""Most bytes of one read from a socket. Toxics that work by the chunk depend on it, so it is Toxiproxy's."""

FOREVER = float("inf")


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """Bytes that were read together, and when, in seconds of a monotonic clock."""

    data: bytes
    at: float


class Receive(msgspec.Struct, frozen=True, gc=False):
    """Wait for a chunk, for the end, or until then."""

    until: float = FOREVER


class Until(msgspec.Struct, frozen=True, gc=False):
    """Wait for that moment."""

    at: float


class Emit(msgspec.Struct, frozen=True, gc=False):
    """Pass ``data`` on."""

    data: bytes


class Drop(msgspec.Struct, frozen=True, gc=False):
    """Lose what is in hand."""


class Silence(msgspec.Struct, frozen=True, gc=False):
    """Wait until the peer behind this toxic has closed, too."""


class Reset(msgspec.Struct, frozen=True, gc=False):
    """End the connection with RST."""


Step: TypeAlias = Receive | Until | Emit | Drop | Silence | Reset
Pipe: TypeAlias = Generator[Step, Chunk | None, None]

RECEIVE = Receive()


@dataclass(slots=True, eq=False)
class Flow:
    """What a toxic may know of the stream in its hands."""

    chance: Random
    """Seeded for this toxic on this connection."""
    since: float
    """When the toxic met this connection."""
    began: float
    """When it began, or began again because it was updated."""
    now: float
    report: Callable[[str], None]
    waited: float = -FOREVER
    """The last moment that it has waited for."""
    passed: int = 0
    """Bytes that it has let through on this connection."""
    spared: int = 0
    """Of these, those that passed while it did not act."""
    lost: int = 0
    """Bytes that it has dropped on this connection."""
    strikes: int = 0
    """How often it has done its work on this connection."""

    def struck(self, note: str = "") -> None:
        """Say that the toxic does its work here; the first time on each connection is reported."""
        self.strikes += 1
        if self.strikes == 1:
            self.report(note)
