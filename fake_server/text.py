"""Text that describes itself: from any piece of it one can tell where in the answer it belongs.

:func:`story` makes readable sentences from a seed, with characters of two, three and four bytes. No run of
:data:`WINDOW` words occurs twice, so a few words are enough to find their place. :func:`read` compares a received text
with the true one and says what happened to it: whole, truncated, a gap, duplicated, reordered, garbled, or
foreign, with offsets in UTF-8 bytes of the true text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from random import Random

WINDOW = 3
"""Words that are enough to know the place."""

_ADJECTIVES = (
    "amber brisk café-brown dusky eager fabled gentle hollow inky jovial knotted lively mellow naïve oaken pale \
quaint rustic silver tidy umber velvet wry young żółty".split()
)
_NOUNS = "anchor barge cellist doctor ember ferry garden heron island jury kettle lantern München northerner orchard \
piano quarry river smörgåsbord tailor uncle village weaver yard Zürich 東京 Ελλάδα".split()
_VERBS = (
    "admires borrows carries decorates escorts follows greets hears invites joins keeps lifts measures names offers \
paints questions repairs salutes teaches unties visits warms yields".split()
)
_PREPOSITIONS = "above against at behind beside beyond for from inside near over past under with".split()
_PLACES = "Bergen breakfast bridges candles crêpes fjords Kraków lamplight Łódź midnight moonlight orchids Reykjavík \
rivers snow sunrise tulips windmills 🌍 💡".split()


@lru_cache(maxsize=4096)
def story(seed: str, sentences: int = 22) -> str:
    """``sentences`` sentences (about 60 bytes each) drawn from ``seed``, separated by single spaces.

    The same seed gives the same text on every platform and version of Python.

    Raises:
        ValueError: when so many sentences are asked for that no unused run of words is left (a few hundred).
    """
    chance = Random(f"story/{seed}")
    seen: set[tuple[str, ...]] = set()
    words: list[str] = []
    for number in range(sentences):
        words += _fresh_sentence(chance, words[-1:], seen, first=number == 0)
    return " ".join(words)


def _fresh_sentence(chance: Random, before: list[str], seen: set[tuple[str, ...]], *, first: bool) -> list[str]:
    for _ in range(1000):
        sentence = _sentence(chance, *(("żółty", "東京", "🌍") if first else ()))
        # Every sentence begins with "The": the run that ends with the next one is checked here, while it can change.
        windows = _windows([*before, *sentence, "The"])
        if len(set(windows)) == len(windows) and seen.isdisjoint(windows):
            seen.update(windows)
            return sentence
    raise ValueError(f"no unused run of {WINDOW} words is left: ask for fewer sentences")


def _sentence(chance: Random, adjective: str = "", noun: str = "", place: str = "") -> list[str]:
    """A sentence by chance; the words that are given come in it (the first of a story has characters of every size)."""
    pick = chance.choice
    subject = f"The {pick(_ADJECTIVES)} {noun or pick(_NOUNS)} {pick(_VERBS)}"
    rest = f"{adjective or pick(_ADJECTIVES)} {pick(_NOUNS)} {pick(_PREPOSITIONS)} {place or pick(_PLACES)}."
    return f"{subject} {rest}".split(" ")


def _windows(words: list[str]) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + WINDOW]) for i in range(len(words) - WINDOW + 1)]


def locate(fragment: str, truth: str) -> int | None:
    """Byte offset of ``fragment`` in ``truth``; None when it is not there or stands in two places."""
    place = truth.find(fragment)
    if not fragment or place < 0 or truth.find(fragment, place + 1) >= 0:
        return None
    return len(truth[:place].encode())


class Damage(StrEnum):
    """What happened to a text on its way."""

    WHOLE = "whole"
    TRUNCATED = "truncated"
    GAP = "gap"
    DUPLICATED = "duplicated"
    REORDERED = "reordered"
    GARBLED = "garbled"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A received text compared with the true one; offsets are UTF-8 bytes of the true text."""

    damage: Damage
    start: int
    """Where the damage begins: the end of what arrived, for a truncated text."""
    stop: int
    """Where it ends: what is missing, doubled or out of order is ``start`` to ``stop``."""
    share: float
    """How much of the true text is there at all, from 0 to 1."""
    detail: str = ""
    """The foreign or garbled characters, at most 80 of them."""

    def __str__(self) -> str:
        """What happened, as the rest of a sentence that begins with "the text"."""
        span = f"bytes {self.start}–{self.stop}"
        return {
            Damage.WHOLE: "is whole",
            Damage.TRUNCATED: f"is {self.share:.0%} of the answer",
            Damage.GAP: f"has a hole: {span} are missing",
            Damage.DUPLICATED: f"has {span} twice",
            Damage.REORDERED: f"has {span} out of order",
            Damage.GARBLED: f"is damaged at byte {self.start}: {self.detail!r}",
            Damage.FOREIGN: f"holds what the model never said there, at byte {self.start}: {self.detail!r}",
        }[self.damage]


def closest(received: str, truths: Iterable[str]) -> Reading:
    """The reading of ``received`` against the one of ``truths`` that explains it best."""
    readings = [read(received, truth) for truth in truths]
    return min(readings, key=lambda one: (_EXPLAINS.index(one.damage), -one.share))


_EXPLAINS = (
    Damage.WHOLE,
    Damage.TRUNCATED,
    Damage.GAP,
    Damage.DUPLICATED,
    Damage.REORDERED,
    Damage.GARBLED,
    Damage.FOREIGN,
)
"""Kinds of damage, those that leave no character unexplained first."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters ``start`` to ``stop`` of the truth, or (``start`` None) characters that are not in it."""

    start: int | None
    stop: int
    text: str


def read(received: str, truth: str) -> Reading:
    """Say what happened to ``truth`` on the way to becoming ``received``.

    The worst kind of damage is reported: foreign and garbled text before wrong order, duplicates before gaps, gaps
    before a missing end. An empty text is truncated at 0 (and whole if nothing was said).
    """
    if received == truth:
        return _reading(truth, Damage.WHOLE, 0, len(truth), share=1.0)
    if truth.startswith(received):
        return _reading(truth, Damage.TRUNCATED, len(received), len(truth), share=len(received) / len(truth))
    pieces = list(align(received, truth))
    known = [piece for piece in pieces if piece.start is not None]
    share = _covered(known) / len(truth) if truth else 0.0
    permuted = len(received) == len(truth)
    return _strange(pieces, truth, share) or _misplaced(known, truth, share, permuted=permuted)


def align(received: str, truth: str) -> Iterator[Piece]:
    """Cut ``received`` into the longest runs that occur in ``truth``, preferring where the last one ended."""
    place, expected, strange = 0, 0, ""
    while place < len(received):
        start, length = _longest(received, place, truth, expected)
        if length == 0:
            strange += received[place]
            place += 1
            continue
        if strange:
            yield Piece(None, expected, strange)
            strange = ""
        yield Piece(start, start + length, received[place : place + length])
        place, expected = place + length, start + length
    if strange:
        yield Piece(None, expected, strange)


def _longest(received: str, place: int, truth: str, expected: int) -> tuple[int, int]:
    """Start in the truth and length of the run at ``place``; length 0 when it is too short to say where it belongs."""
    onward = _common(received, place, truth, expected)
    start, length = _anywhere(received, place, truth)
    if onward >= length:
        return expected, onward
    return (expected, onward) if _is_accident(received, place, truth, start, length) else (start, length)


def _anywhere(received: str, place: int, truth: str) -> tuple[int, int]:
    """The longest run of ``truth`` that stands at ``place``; length 0 below :data:`_SHORTEST`."""
    window, best = received[place : place + _SHORTEST], (0, 0)
    start = truth.find(window) if len(window) == _SHORTEST else -1
    while start >= 0:
        length = _common(received, place, truth, start)
        best = max(best, (start, length), key=lambda one: one[1])
        start = truth.find(window, start + 1)
    return best


def _is_accident(received: str, place: int, truth: str, start: int, length: int) -> bool:
    """Whether a short run only looks known: a much longer one that begins in its first half belongs elsewhere."""
    if length >= _SURE:
        return False
    for step in range(1, length // 2 + 1):
        other, reach = _anywhere(received, place + step, truth)
        if reach > 2 * length and other != start + step:
            return True
    return False


_SHORTEST, _SURE = 6, 40
"""Characters from which on a run out of its place is recognised, and from which on there is no doubt about it."""


def _common(a: str, i: int, b: str, j: int) -> int:
    """How many characters agree from ``a[i]`` and ``b[j]`` on."""
    length, step = 0, 256
    end = min(len(a) - i, len(b) - j)
    while length < end and a[i + length : i + length + step] == b[j + length : j + length + step]:
        length = min(length + step, end)
    while length < end and a[i + length] == b[j + length]:
        length += 1
    return length


def _strange(pieces: list[Piece], truth: str, share: float) -> Reading | None:
    """Text that the server never sent: garbled when it stands in for true text, foreign when it was added."""
    for before, piece, after in zip([None, *pieces], pieces, [*pieces[1:], None], strict=False):
        if piece.start is not None:
            continue
        start = before.stop if before is not None else 0
        between = after is not None and after.start is not None and after.start > start
        broken_end = after is None and before is not None and len(piece.text) <= min(4, len(truth) - start)
        damage = Damage.GARBLED if between or broken_end else Damage.FOREIGN
        stop = after.start if after is not None and after.start is not None else start
        return _reading(truth, damage, start, max(start, stop), share=share, detail=piece.text[:80])
    return None


def _misplaced(known: list[Piece], truth: str, share: float, *, permuted: bool) -> Reading:
    """All of it is true text, but not once and in order.

    Where texts that changed places begin alike a piece may reach into the next: ``permuted`` text, of the true length,
    is out of order and not doubled.
    """
    end = 0
    covered: list[tuple[int, int]] = []
    gap: tuple[int, int] | None = None
    for piece in known:
        assert piece.start is not None
        for a, b in () if permuted else covered:
            if piece.start < b and piece.stop > a:
                return _reading(truth, Damage.DUPLICATED, max(a, piece.start), min(b, piece.stop), share=share)
        if piece.start < end:
            return _reading(truth, Damage.REORDERED, piece.start, piece.stop, share=share)
        if piece.start > end and gap is None:
            gap = (end, piece.start)
        covered.append((piece.start, piece.stop))
        end = piece.stop
    start, stop = gap or (end, len(truth))
    return _reading(truth, Damage.GAP if gap else Damage.TRUNCATED, start, stop, share=share)


def _covered(known: list[Piece]) -> int:
    places: set[int] = set()
    for piece in known:
        assert piece.start is not None
        places.update(range(piece.start, piece.stop))
    return len(places)


def _reading(truth: str, damage: Damage, start: int, stop: int, *, share: float, detail: str = "") -> Reading:
    def offset(n: int) -> int:
        return len(truth[:n].encode("utf-8", "surrogatepass"))

    return Reading(damage=damage, start=offset(start), stop=offset(stop), share=share, detail=detail)
