"""Keeps a key out of text that comes in pieces. Pure."""

from __future__ import annotations

from collections.abc import Callable

from harness.secrets import Secrets


def hiding(key: str) -> Callable[[str], str]:
    """What overwrites ``key``, and whatever looks like one, in a text that is whole."""
    return Secrets([key]).text if key else lambda text: text


class Veil:
    """Overwrites ``key`` in what is shown, however it is cut into pieces.

    The end of a piece that may be the beginning of the key is held back until more comes, or nothing more.
    """

    def __init__(self, key: str) -> None:
        self._key, self._hide, self._held = key, hiding(key), ""

    def take(self, piece: str) -> str:
        """What may be shown now that ``piece`` has come."""
        text = self._held + piece
        text = text.replace(self._key, self._hide(self._key)) if self._key else text
        begun = next((size for size in range(len(self._key) - 1, 0, -1) if text.endswith(self._key[:size])), 0)
        self._held = text[len(text) - begun :] if begun else ""
        return self._hide(text[: len(text) - begun])

    def rest(self) -> str:
        """What is still held when nothing more comes."""
        held, self._held = self._held, ""
        return self._hide(held)
