"""What a server does to one connection, as values.

An attempt's reply is a lazy stream of effects. Scripts produce them, faults rewrite them, and only
:mod:`fake_server.perform` carries them out, so the same stream can be shown, simulated or served.

There are four ways to stop, and they are never conflated:

* ``End``   the body ends as HTTP says it should (final chunk, declared length, or FIN when the
  close itself is the delimiter);
* ``Close`` FIN in the middle of the body;
* ``Reset`` RST: what the receiver has not read yet is lost;
* ``Stall`` silence on an open connection, until the peer leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

Seconds: TypeAlias = float


@dataclass(frozen=True, slots=True)
class Send:
    """Write ``data``. ``event`` names the SSE event whose first byte this is, if it is one."""

    data: bytes
    event: str | None = None

    def cut(self, *offsets: int) -> Iterator[Send]:
        """The same bytes in pieces that end at ``offsets`` (ascending); only the first begins the event."""
        edges = (0, *offsets, len(self.data))
        for index, (start, stop) in enumerate(pairwise(edges)):
            yield Send(self.data[start:stop], self.event if index == 0 else None)


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for ``seconds``; the connection stays open and healthy."""

    seconds: Seconds
    steady: bool = False
    """One of a row that keeps a pace: shorter where the one before it came late, so that lateness does not add up. Any
    other is as long as it says."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A fault strikes here. Writes nothing: it is the proof, in the history, that it happened."""

    fault: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """End the body cleanly."""


@dataclass(frozen=True, slots=True)
class Close:
    """Send FIN without finishing the body."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Send RST."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing more, and keep the connection open."""


Effect: TypeAlias = Send | Wait | Mark | End | Close | Reset | Stall
Last: TypeAlias = End | Close | Reset | Stall
"""The effects after which nothing follows."""
