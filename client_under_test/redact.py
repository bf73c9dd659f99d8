"""Keeps keys and the answer's text out of what is raised, logged and sent on, and makes text safe to print. Pure.

Rules:

1. A key is known by its name (``x-api-key``, ``authorization``...), by its looks (``sk-...``, ``Bearer ...``), or
   because it was named as a secret.
2. What a server says may hold the key that it was sent, so every text is looked through, and bytes across the borders
   of their chunks.
3. The message of a :class:`~client_under_test.errors.ProtocolError` quotes what came over the wire, which may be text
   of the answer: without it only the words of this client stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from client_under_test.errors import ProtocolError, StreamError

HIDDEN = "[redacted]"
SECRET_NAMES = frozenset(
    "api-key apikey authorization cookie proxy-authorization set-cookie x-api-key x-goog-api-key".split()
)
"""Names of headers and fields whose values are never shown; ``_`` and ``-`` are the same, and so are capitals."""

LONGEST_KEY = 512
"""Bytes before a chunk in which a key may have begun."""

SHORTEST_SECRET = 6
"""Anything shorter occurs by chance, and is not looked for."""

_LOOKS = (
    r"\bsk-[A-Za-z0-9_-]{8,}",
    r"(?<=Bearer )[A-Za-z0-9._~+/=-]{4,}",
    r"(?<=header value )b?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")",  # how HTTP libraries complain of a header
    r"(?<=x-api-key: )[^\s,;'\"]+",
    r"(?<=://)[^/@\s]+(?=@)",
)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


class Redactor:
    """Takes keys out.

    Args:
        secrets: further texts that are never to be shown, such as a gateway's token.
    """

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        self._secrets: set[str] = set()
        self._compile()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str | None) -> None:
        """Never show ``secret`` from now on."""
        if secret and len(secret) >= SHORTEST_SECRET:
            self._secrets.add(secret)
            self._compile()

    def text(self, text: str) -> str:
        """``text`` without keys."""
        return self._keys.sub(HIDDEN, text)

    def value(self, value: Any) -> Any:
        """A JSON value without keys; mappings by the names of their fields too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self._field(str(name), inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return value

    def _field(self, name: str, value: Any) -> Any:
        return HIDDEN if name.lower().replace("_", "-") in SECRET_NAMES else self.value(value)

    def chunk(self, before: bytes, data: bytes) -> bytes:
        """``data`` without keys, also those that began in the bytes ``before`` it."""
        pieces, done = [], len(before)
        whole = before + data
        for key in self._byte_keys.finditer(whole):
            if key.end() > done:
                pieces += [whole[done : key.start()], HIDDEN.encode()]
                done = key.end()
        return b"".join([*pieces, whole[done:]])

    def _compile(self) -> None:
        literal = [re.escape(secret) for secret in sorted(self._secrets, key=len, reverse=True)]
        self._keys = re.compile("|".join([*literal, *_LOOKS]))
        self._byte_keys = re.compile("|".join([*literal, *_LOOKS]).encode("utf-8", "surrogatepass"))


def without_quotes(error: StreamError) -> str:
    """The message of ``error`` without what it quotes from the wire."""
    if not isinstance(error, ProtocolError):
        return error.message
    return _QUOTED.sub("'…'", error.message.partition(": ")[0])


def visible(text: str) -> str:
    """``text`` in one line, in which nothing moves a cursor, hides itself or fails to encode."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def as_json(value: Any) -> str:
    """``value`` as one line of JSON that is safe to print; what is no JSON is shown as Python writes it."""
    return visible(json.dumps(value, ensure_ascii=False, default=repr))
