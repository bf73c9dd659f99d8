"""Takes keys out of what is kept and printed of a call to a real server. Pure.

Rules:

1. A key is known by its name (of a header, or of a part of a query), by its looks (``sk-ant-…``, ``sk-…``, ``AIza…``,
   ``ghp_…`` and others), or because the request itself had it in such a place: servers quote what they were sent.
2. In a body it is overwritten in place, so that every byte behind it stays where it was: lengths, chunks and pieces
   remain true.
3. A model may say a key in several pieces of a stream, so the strings of all events are also looked through as one.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from urllib.parse import unquote

HIDDEN = "[redacted]"
SECRET_HEADERS = frozenset(
    {"api-key", "apikey", "authorization", "cookie", "proxy-authenticate", "proxy-authorization", "set-cookie"}
    | {"www-authenticate", "x-api-key", "x-amz-security-token", "x-goog-api-key"}
)
"""Headers whose values are never kept."""
Headers = tuple[tuple[str, str], ...]

_FILLER = b"redacted-"
_SHORTEST = 6
"""Anything shorter occurs by chance, and is not looked for."""
_BEFORE = rb"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4}))"
"""A key begins where a word does, or behind a character that JSON has escaped."""
_LOOKS = _BEFORE + rb"(?:%b)" % b"|".join((
    rb"sk-ant-[A-Za-z0-9_-]{4,}",
    rb"sk-[A-Za-z0-9_-]{16,}",
    rb"AIza[A-Za-z0-9_-]{30,}",
    rb"gh[pousr]_[A-Za-z0-9]{20,}",
    rb"github_pat_[A-Za-z0-9_]{20,}",
    rb"xox[a-z]-[A-Za-z0-9-]{10,}",
    rb"(?:AKIA|ASIA)[A-Z0-9]{16}",
    rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*",
    rb"Bearer [A-Za-z0-9._~+/=-]{8,}",
))  # fmt: skip
_SAID = re.compile(rb'"(?:text|thinking|partial_json|content|arguments)"\s*:\s*"([^"\\]*(?:\\.[^"\\]*)*)"')
_QUERY = re.compile(
    r"(?i)(?<=[?&])((?:[a-z-]+[_-])?(?:api_?-?key|key|token|signature|credential|secret|password|auth)=)([^&#]*)"
)
_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")


class Secrets:
    """Knows what is a key.

    Args:
        known: further texts that are keys.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        texts = sorted((one for one in known if len(one) >= _SHORTEST), key=len, reverse=True)
        literal = [re.escape(one.encode("utf-8", "surrogateescape")) for one in texts]
        self._keys = re.compile(b"|".join((*literal, _LOOKS)))

    def body(self, data: bytes) -> bytes:
        """``data`` with every key overwritten, and as long as it was."""
        masked = bytearray(data)
        for start, stop in self._in(data):
            masked[start:stop] = _filler(stop - start)
        said, places = _said(data)
        for start, stop in self._in(said):
            for place, byte in zip(places[start:stop], _filler(stop - start), strict=True):
                masked[place] = byte
        return bytes(masked)

    def text(self, text: str) -> str:
        """The same for a text."""
        return self.body(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def url(self, url: str) -> str:
        """An address without keys, users and passwords."""
        return self.text(_USER.sub(HIDDEN, _QUERY.sub(rf"\1{HIDDEN}", url)))

    def headers(self, headers: Headers) -> Headers:
        """Headers without keys."""
        return tuple((name, HIDDEN if name.lower() in SECRET_HEADERS else self.text(value)) for name, value in headers)

    def _in(self, data: bytes) -> Iterator[tuple[int, int]]:
        return (found.span() for found in self._keys.finditer(data))


def secrets_of(headers: Headers, url: str = "") -> Secrets:
    """What is known of keys to whoever has seen a request with these ``headers`` to ``url``."""
    values = [value for name, value in headers if name.lower() in SECRET_HEADERS and value != HIDDEN]
    asked = [found[2] for found in _QUERY.finditer(url) if found[2] != HIDDEN]
    return Secrets([*values, *(value.partition(" ")[2].strip() for value in values), *asked, *map(unquote, asked)])


def _filler(size: int) -> bytes:
    return bytes(islice(cycle(_FILLER), size))


def _said(data: bytes) -> tuple[bytes, array[int]]:
    """The strings that a model says in ``data`` as one, and the place of each of their bytes."""
    said, places = [], array("L")
    for found in _SAID.finditer(data):
        said.append(found[1])
        places.extend(range(found.start(1), found.end(1)))
    return b"".join(said), places
