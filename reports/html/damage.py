"""What the user saw against what they should have seen, piece by piece. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import groupby, takewhile

from fake_server.text import align, closest
from harness.history import Case


class Part(StrEnum):
    """What a piece of the comparison is."""

    SAME = "same"
    MISSING = "missing"
    DOUBLED = "doubled"
    MOVED = "moved"
    """True text that stands before what it should follow."""
    FOREIGN = "foreign"
    """What the model never said, or not so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A piece of text, and what it is."""

    part: Part
    text: str
    start: int = 0
    """Where it begins in the expected text, in characters; 0 for what is foreign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The text that was wrong, or the last one; and the true text that it is nearest to. Of long ones, a part."""

    expected: str
    shown: str
    told: str
    """What happened to it, as the rest of a sentence that begins with "the text"."""
    before: int = 0
    """Characters left out at the beginning of both, which agree."""
    behind: tuple[int, int] = (0, 0)
    """Characters left out at the end of the expected text, and of the one shown."""


_AROUND = 3000
"""Characters that are kept before and behind the place where two long texts part."""


def seen(case: Case) -> Seen | None:
    """What to compare: the first thing on display that is no beginning of a true text, else what there was in the end.

    None when that is whole, or when there is no text and nobody says that it is the answer.
    """
    is_answer = case.finished is not None and case.finished.error is None
    texts = case.info.texts or ("",)
    wrong = (text for text in case.displays() if not any(one.startswith(text) for one in texts))
    first = next(wrong, None)
    shown = case.final_text if first is None or _is_wrong(case.final_text, texts) else first
    if shown in texts or not (shown or is_answer):
        return None
    expected = max(texts, key=lambda one: _common(one, shown))
    place = _common(expected, shown)
    before, stop = max(0, place - _AROUND), place + _AROUND
    return Seen(
        expected=expected[before:stop],
        shown=shown[before:stop],
        told=str(closest(shown, texts)),
        before=before,
        behind=(max(0, len(expected) - stop), max(0, len(shown) - stop)),
    )


def _is_wrong(text: str, texts: tuple[str, ...]) -> bool:
    return not any(one.startswith(text) for one in texts)


def _common(a: str, b: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def compared(shown: str, expected: str) -> Iterator[Run]:
    """``shown`` in pieces, with what is missing of ``expected`` between them."""
    pieces = list(align(shown, expected))
    ever = {place for one in pieces if one.start is not None for place in range(one.start, one.stop)}
    covered: set[int] = set()
    end = 0  # behind the last true character so far
    for piece in pieces:
        if piece.start is None:
            yield Run(part=Part.FOREIGN, text=piece.text)
            continue
        yield from _missing(end, piece.start, ever, expected)
        for part, places in groupby(range(piece.start, piece.stop), partial(_part, covered, end)):
            run = list(places)
            yield Run(part=part, text=expected[run[0] : run[-1] + 1], start=run[0])
        covered.update(range(piece.start, piece.stop))
        end = max(end, piece.stop)
    yield from _missing(end, len(expected), ever, expected)


def _part(covered: set[int], end: int, place: int) -> Part:
    if place in covered:
        return Part.DOUBLED
    return Part.MOVED if place < end else Part.SAME


def _missing(start: int, stop: int, ever: set[int], expected: str) -> Iterator[Run]:
    for is_there, places in groupby(range(start, stop), ever.__contains__):
        run = list(places)
        if not is_there:
            yield Run(part=Part.MISSING, text=expected[run[0] : run[-1] + 1], start=run[0])
