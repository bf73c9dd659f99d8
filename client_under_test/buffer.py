"""Holds text back until a natural break, so that a reader sees sentences and not syllables.

Pure: time comes in as an argument. What is held is never lost: it is given out at the next break, when it is
too old or too long, and when the answer ends for whatever reason.
"""

from __future__ import annotations

import re

# The end of a sentence is punctuation (with closing quotes) before white space; CJK punctuation needs no space.
_BREAK = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]|\n+")
_SPACE = re.compile(r"\s")


class SentenceBuffer:
    """Collects text and gives it out up to the last natural break.

    Args:
        max_age: seconds that text is held at most; 0 holds nothing back.
        max_chars: characters that are held at most; then a space is break enough, and without one anything is.
    """

    def __init__(self, *, max_age: float = 0.5, max_chars: int = 400) -> None:
        self._max_age, self._max_chars = max_age, max_chars
        self._held = ""
        self._since = 0.0

    @property
    def due(self) -> float | None:
        """When held text must be given out, None when nothing is held."""
        return self._since + self._max_age if self._held else None

    def push(self, text: str, now: float) -> str:
        """Take more text and return what can be shown now (perhaps nothing)."""
        if not self._held:
            self._since = now
        self._held += text
        if now - self._since >= self._max_age:
            return self.flush()
        return self._take(self._break())

    def flush(self) -> str:
        """Give out all that is held."""
        return self._take(len(self._held))

    def _break(self) -> int:
        place = 0
        for match in _BREAK.finditer(self._held):
            place = match.end()
        if place == 0 and len(self._held) > self._max_chars:
            spaces = [match.end() for match in _SPACE.finditer(self._held)]
            place = spaces[-1] if spaces else len(self._held)
        return place

    def _take(self, place: int) -> str:
        ready, self._held = self._held[:place], self._held[place:]
        return ready
