"""Joins the text of several attempts into what one reader sees once.

A new attempt says the answer again from its beginning. As long as it repeats what is on display nothing is shown;
then only what is missing is. If it says something else, the display is told to start over first: text is never shown
twice.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shown:
    """What to do to the display: clear it first when ``reset``, then add ``text``."""

    text: str = ""
    reset: bool = False


class Display:
    """What the reader has been given, and how far the attempt in progress has repeated it."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._repeat = ""
        """What was on display when the attempt began; it is expected to say this again."""
        self._repeated = 0

    @property
    def text(self) -> str:
        """All that is on display."""
        return "".join(self._pieces)

    def begin(self) -> None:
        """A new attempt begins; it says its answer from the start."""
        self._repeat, self._repeated = self.text, 0
        self._pieces = [self._repeat]

    def say(self, piece: str) -> Shown:
        """The attempt says ``piece``; returns what that means for the display."""
        expected = self._repeat[self._repeated : self._repeated + len(piece)]
        if not piece.startswith(expected):
            return self._start_over(self._repeat[: self._repeated] + piece)
        self._repeated += len(expected)
        new = piece[len(expected) :]
        self._pieces.append(new)
        return Shown(new)

    def finish(self) -> Shown:
        """The attempt ended whole; if it was shorter than what is on display, the display must start over."""
        if self._repeated == len(self._repeat):
            return Shown()
        return self._start_over(self._repeat[: self._repeated])

    def _start_over(self, text: str) -> Shown:
        self._pieces = [text]
        self._repeat, self._repeated = "", 0
        return Shown(text, reset=True)
