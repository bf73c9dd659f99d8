"""Joins the text of several attempts into what one reader sees once.

Rules:

1. An attempt that says the answer anew is silent while it repeats what is on display; then only what is missing is
   shown. If it says something else, the display starts over first.
2. An attempt that continues adds exactly what it says. White space that was on display and not in the request may be
   said again. A model that was only told what it said may repeat some of it, and a repetition is left out where it is
   proven: it runs up to the very end of what is on display, has at least
   :data:`~client_under_test.continuation.SHORTEST` characters, is no refrain, and is more than one whole line, because
   a table may well have the same line twice.
3. While it is open whether something is a repetition, it is held back.
4. Text of turns that are over stays: the next turn goes on after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from client_under_test.continuation import SHORTEST


@dataclass(frozen=True, slots=True)
class Shown:
    """What to do to the display: clear it first when ``reset``, then add ``text``."""

    text: str = ""
    reset: bool = False


class _Attempt(Protocol):
    """How the text of one attempt relates to what is on display."""

    def say(self, piece: str) -> Shown: ...

    def finish(self) -> Shown: ...


class Display:
    """What the reader has been given."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._settled = 0
        """Characters of turns that are over."""
        self._attempt: _Attempt = _Repeats("")

    @property
    def text(self) -> str:
        """All that is on display."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    @property
    def unsettled(self) -> str:
        """What is on display of the turn in progress."""
        return self.text[self._settled :]

    def settle(self) -> None:
        """The turn in progress is over, and another one follows it."""
        self._settled = len(self.text)

    def start_over(self) -> None:
        """A new attempt begins that says the turn in progress from its start."""
        self._attempt = _Repeats(self.unsettled)

    def go_on(self, *, may_repeat: bool = True) -> None:
        """A new attempt begins that goes on where the text stops, and ``may_repeat`` some of its end."""
        self._attempt = Seam(self.text, may_repeat=may_repeat)

    def say(self, piece: str) -> Shown:
        """The attempt says ``piece``; returns what that means for the display."""
        return self._apply(self._attempt.say(piece))

    def finish(self) -> Shown:
        """The attempt ended whole; returns what that means for the display."""
        return self._apply(self._attempt.finish())

    def _apply(self, shown: Shown) -> Shown:
        if shown.reset:
            shown = Shown(self.text[: self._settled] + shown.text, reset=True)
            self._pieces = []
        if shown.text:
            self._pieces.append(shown.text)
        return shown


class _Repeats:
    """An attempt that is expected to say ``before`` again."""

    def __init__(self, before: str) -> None:
        self._before, self._repeated = before, 0

    def say(self, piece: str) -> Shown:
        expected = self._before[self._repeated : self._repeated + len(piece)]
        if not piece.startswith(expected):
            return self._differs(piece)
        self._repeated += len(expected)
        return Shown(piece[len(expected) :])

    def finish(self) -> Shown:
        """A whole answer that is shorter than what is on display is another one."""
        return Shown() if self._repeated == len(self._before) else self._differs("")

    def _differs(self, piece: str) -> Shown:
        said = self._before[: self._repeated] + piece
        self._before, self._repeated = "", 0
        return Shown(said, reset=True)


class Seam:
    """An attempt that goes on after ``before``, and may repeat some of its end."""

    def __init__(self, before: str, *, may_repeat: bool = True) -> None:
        self._before = before
        self._white = before[len(before.rstrip()) :]
        """White space that is on display and was not in the request."""
        self._held: list[str] = []
        self._size = 0
        self._places: list[int] | None = None
        """Where in ``before`` a repetition may begin; None before there is enough text to tell."""
        self._decided = len(before) < SHORTEST or not may_repeat

    def say(self, piece: str) -> Shown:
        """The attempt says ``piece``; what is new of all it said so far, as far as that is decided."""
        piece = self._without_white(piece)
        if self._decided or not piece:
            return Shown(piece)
        if self._may_repeat(piece):
            return Shown()
        return Shown(self._decide())

    def finish(self) -> Shown:
        """The attempt ended whole; what is left of it."""
        return Shown(self._decide())

    def _without_white(self, piece: str) -> str:
        while self._white and piece:
            if piece[0] != self._white[0]:
                self._white = ""
                break
            piece, self._white = piece[1:], self._white[1:]
        return piece

    def _may_repeat(self, piece: str) -> bool:
        """Whether with ``piece`` what is held may be the beginning of a repetition that is not over yet."""
        self._held.append(piece)
        compared, self._size = self._size, self._size + len(piece)
        if self._places is None:
            held, compared = "".join(self._held), SHORTEST
            if self._size < SHORTEST:
                return self._before.find(held, 0, len(self._before) - SHORTEST + self._size) >= 0
            self._places, piece = _places(held[:SHORTEST], self._before), held[SHORTEST:]
        self._places = [place for place in self._places if self._agrees(place + compared, piece)]
        return any(len(self._before) - place > self._size for place in self._places)

    def _agrees(self, place: int, piece: str) -> bool:
        """Whether ``before`` says ``piece`` from ``place`` on, as far as it goes."""
        rest = max(0, len(self._before) - place)
        return self._before.startswith(piece[:rest], place)

    def _decide(self) -> str:
        """What is new: what is held without the longest repetition that is proven."""
        self._decided, held = True, "".join(self._held)
        self._held.clear()
        for place in self._places or ():
            repeated = self._before[place:]
            if len(repeated) <= len(held) and _is_proof(repeated, self._before):
                return held[len(repeated) :]
        return held


def _places(text: str, before: str) -> list[int]:
    """Where ``text`` begins in ``before``; nowhere, when that is in so many places that it proves nothing."""
    found: list[int] = []
    place = before.find(text)
    while place >= 0 and len(found) < _TOO_MANY:
        found.append(place)
        place = before.find(text, place + 1)
    return found if len(found) < _TOO_MANY else []


_TOO_MANY = 32
_LONG_LINE = 80
"""Characters from which on not even a whole line is said twice by chance."""


def _is_proof(text: str, before: str) -> bool:
    """Whether saying ``text``, the end of ``before``, again can only be a repetition."""
    said_before = before.find(text) < len(before) - len(text) or text.find(text[: len(text) // 2], 1) >= 0
    begins_a_line = len(text) == len(before) or before[-len(text) - 1] == "\n"
    is_one_line = begins_a_line and text.find("\n") == len(text) - 1 and len(text) < _LONG_LINE
    return not said_before and not is_one_line
