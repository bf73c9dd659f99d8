"""Cuts a text into pieces that fit into messages, where a reader would.

Rules:

1. The bodies of the pieces, joined, are the text.
2. A cut is made after a paragraph, else a line, else a sentence, else a word, in the second half of what fits; never
   inside what is seen as one character.
3. A fenced code block that a cut goes through is closed before the cut and opened again after it.
4. A piece depends only on the text up to its end and one character more, so earlier pieces stay as they are while the
   text grows.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

Weigh = Callable[[str], int]
"""What a string counts towards a limit."""

_FENCE = re.compile(r"^[ \t]*(`{3,16}(?!`)|~{3,16}(?!~))([^\n]*)$", re.MULTILINE)
_CLOSING_CHARACTERS = 17
_SENTENCE_END = re.compile(r"""[.!?…][)\]"'”’]*\s+|[。！？]""")
_JOINER, _HANGUL_MEDIALS = "\u200d", range(0x1160, 0x1200)
_MODIFIERS, _TAGS, _FLAGS = range(0x1F3FB, 0x1F400), range(0xE0020, 0xE0080), range(0x1F1E6, 0x1F200)


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a text."""

    body: str
    opened: str = ""
    """The fence that this piece opens again, such as three backticks."""
    fence: str = ""
    """The fence that is open at its end."""

    def written(self, *, close: bool) -> str:
        """The piece as a text of its own; ``close`` closes an open fence."""
        start = f"{self.opened}\n" if self.opened else ""
        return f"{start}{self.body}{self._closing if close else ''}"

    @property
    def _closing(self) -> str:
        if not self.fence:
            return ""
        return self.fence if self.body.endswith("\n") else f"\n{self.fence}"


def split(text: str, weigh: Weigh, limit: int) -> list[Piece]:
    """``text`` in pieces that weigh ``limit`` at most with their fences; empty for an empty text.

    ``weigh`` must be additive: what it says of a string is the sum over its characters, each at least 1.
    """
    pieces: list[Piece] = []
    start, fence = 0, ""
    while start < len(text):
        room = limit - _CLOSING_CHARACTERS - (len(fence) + 1 if fence else 0)
        end = cut(text, start, reach(text, start, room, weigh), fence)
        after = open_fence(text[start:end], fence)[0]
        pieces.append(Piece(text[start:end], fence, after))
        start, fence = end, after
    return pieces


def reach(text: str, start: int, room: int, weigh: Weigh) -> int:
    """The end of the longest part of ``text`` from ``start`` that fits; one character at least."""
    window = text[start : start + max(room, 1)]
    fitting = bisect_right(range(len(window) + 1), room, key=lambda size: weigh(window[:size])) - 1
    return start + max(fitting, min(1, len(window)))


def cut(text: str, start: int, end: int, fence: str = "", least: float = 0.5) -> int:
    """Where to cut ``text[start:end]``, which is as much as fits; ``end`` when the text ends there.

    A cut at a border leaves at least the part ``least`` of it before the cut.
    """
    if end == len(text):
        return end
    half = start + max(1, int((end - start) * least))
    at = border(text, half, end) or _whole(text, half, end)
    mark, opener = open_fence(text[start:at], fence)
    is_empty_block = mark and opener > 0 and not text[start:at][opener:].partition("\n")[2].strip()
    return start + opener if is_empty_block else at


def border(text: str, start: int, end: int, kinds: int = 4) -> int:
    """Behind the last paragraph in ``text[start:end]``, else the last line, sentence or word; 0 when there is none.

    ``kinds`` is how many of these four are good enough.
    """
    found = (ends(text[start:end]) for ends in _ENDS[:kinds])
    places = (start + at for at in found if at > 0)
    return next((at for at in places if at == len(text) or not is_inside(text, at)), 0)


def open_fence(body: str, fence: str = "") -> tuple[str, int]:
    """The fence that is open at the end of ``body`` when ``fence`` is at its beginning, and where its line starts."""
    where = -1
    for line in _FENCE.finditer(body):
        mark, info = line[1], line[2]
        if not fence and not (mark[0] == "`" and "`" in info):
            fence, where = mark, line.start()
        elif fence and mark.startswith(fence) and not info.strip():
            fence, where = "", -1
    return fence, where


def is_inside(text: str, at: int) -> bool:
    """Whether a cut at ``at`` would go through what is seen as one character (after UAX #29, simplified)."""
    before, after = text[at - 1], text[at]
    code = ord(after)
    return (
        unicodedata.category(after)[0] == "M"
        or _JOINER in (before, after)
        or code in _MODIFIERS
        or code in _TAGS
        or code in _HANGUL_MEDIALS
        or before + after == "\r\n"
        or (before in _HIGH and after in _LOW)
        or (code in _FLAGS and _flags_before(text, at) % 2 == 1)
    )


_HIGH, _LOW = (
    frozenset(map(chr, range(0xD800, 0xDC00))),
    frozenset(map(chr, range(0xDC00, 0xE000))),
)


def _sentence_end(part: str) -> int:
    return max((one.end() for one in _SENTENCE_END.finditer(part)), default=0)


_ENDS: tuple[Callable[[str], int], ...] = (
    lambda part: part.rfind("\n\n") + 2 if "\n\n" in part else 0,
    lambda part: part.rfind("\n") + 1,
    _sentence_end,
    lambda part: part.rfind(" ") + 1,
)
"""Behind the last border of each kind, the best kind first; 0 when there is none."""


def _whole(text: str, half: int, end: int) -> int:
    """The last place between two whole characters; ``end`` when there is none, but not within a surrogate pair."""
    for at in range(end, half, -1):
        if not is_inside(text, at):
            return at
    return end - 1 if text[end - 1] in _HIGH and end - 1 > half else end


def _flags_before(text: str, at: int) -> int:
    count = 0
    while count < at and ord(text[at - 1 - count]) in _FLAGS:
        count += 1
    return count
