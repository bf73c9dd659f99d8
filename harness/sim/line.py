"""One TCP connection: two ends that write to each other. Pure.

Bytes are under way until the other end has been told of them, which is later in the same moment; so a FIN comes behind
them, and a RST loses the last of them: how many is a matter of chance. An end that closes with unread bytes resets, as
a kernel does.
"""

from __future__ import annotations

from random import Random
from typing import Protocol

from harness.sim.agenda import Agenda


class Owner(Protocol):
    """Whoever reads from an end."""

    def received(self, data: list[bytes]) -> None:
        """Bytes came, in the pieces in which they were written."""
        ...

    def ended(self) -> None:
        """The other end has closed."""
        ...

    def broken(self) -> None:
        """The other end has reset the connection."""
        ...


class EndOfLine:
    """One end of a connection."""

    other: EndOfLine

    def __init__(self, agenda: Agenda, chance: Random) -> None:
        self._agenda, self._chance = agenda, chance
        self.owner: Owner | None = None
        self.is_closed = False
        self._flying: list[bytes] = []
        """What the other end wrote and this one does not know of yet."""
        self._unread: list[bytes] = []
        """What came while nobody read."""
        self._last = ""
        self._is_told = self._is_due = False
        self._reads = True

    @property
    def is_readable(self) -> bool:
        """Whether a read would return at once: with bytes, the end or an error."""
        return bool(self._flying or self._unread or self._last)

    def send(self, data: bytes) -> None:
        """Write to the other end; nothing happens when one of both is closed."""
        if not self.is_closed and data:
            self.other._arrive(data)

    def close(self) -> None:
        """Close both directions: FIN, or RST when bytes are unread."""
        if not self.is_closed:
            self._finish("reset" if self._unread else "end")

    def reset(self) -> None:
        """Send RST."""
        if not self.is_closed:
            self._finish("reset")

    def pause(self) -> None:
        """Read no more for now."""
        self._reads = False

    def resume(self) -> None:
        """Read again."""
        if not self._reads:
            self._reads = True
            self._wake()

    def _finish(self, how: str) -> None:
        self.is_closed = True
        self._flying, self._unread = [], []
        self.other._last = self.other._last or how
        if how == "reset":
            self.other._lose()
        self.other._wake()

    def _arrive(self, data: bytes) -> None:
        if not self.is_closed and not self._last:
            self._flying.append(data)
            self._wake()

    def _lose(self) -> None:
        """What was under way and not read yet: its end is lost, from some byte on."""
        whole = b"".join((*self._unread, *self._flying))
        kept = whole[: self._chance.randint(0, len(whole))] if whole else b""
        self._unread, self._flying = [], [kept] if kept else []

    def _wake(self) -> None:
        if not self._is_due and not self.is_closed:
            self._is_due = True
            self._agenda.at(self._agenda.now(), self._tell)

    def _tell(self) -> None:
        self._is_due = False
        self._unread += self._flying
        self._flying = []
        if self.owner is None or self.is_closed or not self._reads:
            return
        if self._unread:
            data, self._unread = self._unread, []
            self.owner.received(data)
        if self._last and not self._is_told and not self._unread and self._reads and not self.is_closed:
            self._is_told = True
            if self._last == "reset":
                self.owner.broken()
            else:
                self.owner.ended()


def connect(agenda: Agenda, chance: Random) -> tuple[EndOfLine, EndOfLine]:
    """A new connection."""
    one, two = EndOfLine(agenda, chance), EndOfLine(agenda, chance)
    one.other, two.other = two, one
    return one, two
