from __future__ import annotations

import re

from harness.history import Case
from harness.law import law
from harness.verdict import PASSED, Ruling, failed, unknown

_HALF = re.compile("[\ud800-\udfff]")
_SUSPECTS = {"\ufffd": "replacement character", "\ufeff": "byte order mark"}


@law("SP05", rank=3)
def no_invented_characters(case: Case) -> Ruling:
    """No character is lost or invented where bytes were cut apart.

    U+FFFD, a byte order mark or half a surrogate pair in the text, none of which the server sent, is the scar of a
    character that was decoded in two halves. It stays in the user's documents for ever.
    """
    text = case.displayed + case.final_text
    said = "".join(attempt.response.text for attempt in case.attempts)
    if not all(attempt.whole for attempt in case.attempts):
        return unknown("not all bytes that were sent are in the history")
    for char, name in _SUSPECTS.items():
        if char in text and char not in said and not _has_half(said):
            return failed(
                f"a {name} (U+{ord(char):04X}) stands where the server sent a whole character: {_around(text, char)!r}"
            )
    if _has_half(text):
        return failed("unpaired surrogates are in the text: it cannot be encoded as UTF-8, to be stored or sent on")
    return PASSED


def _has_half(text: str) -> bool:
    return not text.isascii() and _HALF.search(text) is not None


def _around(text: str, char: str) -> str:
    place = text.index(char)
    return text[max(0, place - 12) : place + 12]
