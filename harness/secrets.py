"""Takes keys out of what is kept and printed of a call to a real server. Pure.

Rules:

1. A key is known by its name (of a header, a part of a query, or a member of JSON), by its looks (``sk-ant-…``,
   ``AIza…``, ``ghp_…`` and others), or because the request itself had it among its headers or in its address: servers
   quote what they were sent.
2. In a body it is overwritten in place, so that every byte behind it stays where it was: lengths, chunks and pieces
   remain true.
3. A model may say a key in several pieces of a stream, so the strings that all events have under one name are also
   looked through as one: of one name, because a server may say the same under two in turn.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from urllib.parse import unquote

HIDDEN = "[redacted]"
Headers = tuple[tuple[str, str], ...]

_SECRET = frozenset(
    "accesstoken apikey apitoken auth authenticate authorization authtoken cookie credential credentials dsn key "
    "passphrase password passwd secret token".split()
)
"""Last words of the names that keys have: of headers, members of JSON, parts of queries, variables."""
_PUBLIC = frozenset(
    "allow bos cache cls continuation eos first foreign idempotency last mask max min next pad page partition per "
    "primary public sep sort start stop surrogate unk websocket".split()
)
"""Words before the last one that make it something else: ``idempotency-key``, ``next_page_token``, ``stop_token``."""
_VAGUE = frozenset({"key", "token"})
"""Hardly ever the name of a key in JSON: the words of a model have it (``logprobs``), and its tools."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
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
_SAID = re.compile(
    rb'"(text|thinking|partial_json|content|arguments|delta|reasoning_content|reasoning|refusal)"'
    rb'\s*:\s*"([^"\\]*(?:\\.[^"\\]*)*)"'
)
_MEMBER = re.compile(rb'"([A-Za-z0-9_.-]{1,100})"\s*:\s*"([^"\\]*(?:\\.[^"\\]*)*)"?')
_QUERY = re.compile(r"(?<=[?&])([^=?&#\s]+)=([^&#]*)")
_SIGNED = re.compile(r"(?i)code|(?:.*[_-])?sig(?:nature)?")
"""Names in queries that are those of keys there only: an answer has signatures that must be sent back."""
_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_USER_IN_BODY = re.compile(rb':(?:\\?/){2}([^/?#@\s"\\:]*:[^/?#@\s"\\]+)@')


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
        masked = self._unkeyed(data)
        for start, stop in _named(data):
            masked[start:stop] = _filler(stop - start)
        return bytes(masked)

    def text(self, text: str) -> str:
        """The same for a text, in which nothing has a name."""
        return self._unkeyed(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def url(self, url: str) -> str:
        """An address without keys, users and passwords."""
        return self.text(_USER.sub(HIDDEN, _QUERY.sub(_hidden, url)))

    def headers(self, headers: Headers) -> Headers:
        """Headers without keys."""
        return tuple((name, HIDDEN if is_secret(name) else self.text(value)) for name, value in headers)

    def _unkeyed(self, data: bytes) -> bytearray:
        """``data`` without what is a key by its looks, or known to be one."""
        masked = bytearray(data)
        for start, stop in self._in(data):
            masked[start:stop] = _filler(stop - start)
        for said, places in _said(data):
            for start, stop in self._in(said):
                for place, byte in zip(places[start:stop], _filler(stop - start), strict=True):
                    masked[place] = byte
        return masked

    def _in(self, data: bytes) -> Iterator[tuple[int, int]]:
        return (found.span() for found in self._keys.finditer(data))


def is_secret(name: str) -> bool:
    """Whether what has this name is a key."""
    *before, last = ["", *(word.lower() for word in _WORD.findall(name))]
    return last in _SECRET and before[-1] not in _PUBLIC


def secrets_of(headers: Headers, url: str = "") -> Secrets:
    """What is known of keys to whoever has seen a request with these ``headers`` to ``url``."""
    values = [value for name, value in headers if is_secret(name) and value != HIDDEN]
    asked = [found[2] for found in _QUERY.finditer(url) if _is_asked(found) and found[2] != HIDDEN]
    return Secrets([*values, *(value.partition(" ")[2].strip() for value in values), *asked, *map(unquote, asked)])


def _is_asked(found: re.Match[str]) -> bool:
    """Whether a part of a query is a key."""
    return is_secret(found[1]) or _SIGNED.fullmatch(found[1]) is not None


def _hidden(found: re.Match[str]) -> str:
    return f"{found[1]}={HIDDEN}" if _is_asked(found) else found[0]


def _named(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the strings are that are keys by their names in JSON, and the users and passwords of addresses."""
    for found in _MEMBER.finditer(data):
        name = found[1].decode()
        if is_secret(name) and name.lower() not in _VAGUE:
            yield found.span(2)
    for found in _USER_IN_BODY.finditer(data):
        yield found.span(1)


def _filler(size: int) -> bytes:
    return bytes(islice(cycle(_FILLER), size))


def _said(data: bytes) -> Iterator[tuple[bytes, array[int]]]:
    """The strings that a model says in ``data`` under each name as one, and the place of each of their bytes."""
    pieces: dict[bytes, list[re.Match[bytes]]] = {}
    for found in _SAID.finditer(data):
        pieces.setdefault(found[1], []).append(found)
    for said in pieces.values():
        places = array("L")
        for found in said:
            places.extend(range(*found.span(2)))
        yield b"".join(found[2] for found in said), places
