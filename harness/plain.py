"""Makes text from the wire safe to print: payloads are hostile by design.

What could move a cursor, break an XML file, hide itself or fail to encode becomes a visible escape, such as
``\\x1b``. Markup is a matter of each report, and is escaped there.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode categories: controls, invisible format characters (bidirectional too), surrogates, private, separators."""


def plain(text: str, limit: int = 0) -> str:
    """``text`` in one line of visible characters; cut to ``limit`` characters (with an ellipsis) when that is not 0."""
    if limit and len(text) > limit:
        text = text[: limit - 1] + "…"
    return "".join(char if _is_visible(char) else _escape(char) for char in text)


def plain_bytes(data: bytes, limit: int = 0) -> str:
    """Bytes as text: valid UTF-8 as it reads, everything else as ``\\xff``; see :func:`plain`."""
    return plain(data.decode("utf-8", "backslashreplace"), limit)


def _is_visible(char: str) -> bool:
    return unicodedata.category(char) not in _HIDDEN and char not in "\ufffe\uffff"


def _escape(char: str) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char) or char.encode("unicode_escape", "surrogatepass").decode()
