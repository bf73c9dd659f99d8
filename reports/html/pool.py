"""Texts that many cells share, each kept once: the same seed sends every client the same bytes. Pure.

What is the beginning of another text is kept as that: ``[place, length]``, in units of UTF-16, as the page counts them.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Packed: TypeAlias = str | tuple[int, int]

_WORTH = 16
"""Characters from which on it is shorter to name another text."""


class Place(int):
    """The number of a text: told apart from all other numbers, so that it can be given anew."""


class Pool:
    """Texts by number, in the order in which they first came. The empty text is 0, so 0 may be left out."""

    def __init__(self) -> None:
        self._places = {"": 0}

    def add(self, text: str) -> Place:
        """The number of ``text``."""
        return Place(self._places.setdefault(text, len(self._places)))

    def add_bytes(self, data: bytes) -> Place:
        """The number of ``data`` as text: what is no UTF-8 is a lone surrogate, U+DC80 to U+DCFF for each byte."""
        return self.add(data.decode("utf-8", "surrogateescape"))

    def texts(self) -> list[str]:
        """Every text, by its number."""
        return list(self._places)

    def packed(self) -> list[Packed]:
        """Every text, or of which other text it is the beginning."""
        packed: list[Packed] = list(self._places)
        whole = ""
        for text in sorted(self._places, reverse=True):
            if len(text) >= _WORTH and whole.startswith(text):
                packed[self._places[text]] = (self._places[whole], units(text))
            else:
                whole = text
        return packed


def in_order(pool: Pool, tree: Any) -> tuple[Pool, Any]:
    """The same with the texts numbered as they come in ``tree``, whatever came first when they were added.

    Args:
        tree: lists, tuples and dictionaries in one another, with places of ``pool`` in them.
    """
    texts, ordered = pool.texts(), Pool()

    def again(value: Any) -> Any:
        match value:
            case Place():
                return ordered.add(texts[value])
            case dict():
                return {name: again(one) for name, one in value.items()}
            case list() | tuple():
                return [again(one) for one in value]
            case _:
                return value

    return ordered, again(tree)


def units(text: str) -> int:
    """The length of ``text`` as a page counts it, in units of UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
