"""HTTP/1.1 and Server-Sent Events as bytes: the writing half.

The reading half is written separately, in ``harness/reference.py``, so that one mistake cannot hide in both.

Sources: RFC 9112 §6-7 (message body, chunked coding); WHATWG HTML §9.2.5 (event stream format).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any, TypeAlias, assert_never

import msgspec

from fake_server.effects import Close, Effect, End, Send

FINAL_CHUNK = b"0\r\n\r\n"
STREAM_TYPE = "text/event-stream; charset=utf-8"
JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Chunked:
    """``Transfer-Encoding: chunked``, one chunk for each ``Send``."""


@dataclass(frozen=True, slots=True)
class Sized:
    """``Content-Length``: the true length of the body plus ``error`` bytes."""

    error: int = 0


@dataclass(frozen=True, slots=True)
class UntilClose:
    """Neither: the end of the connection is the end of the body."""


@dataclass(frozen=True, slots=True)
class NoBody:
    """The head is all there is, as for HEAD, 204 and 304; it may tell the ``length`` that a body would have."""

    length: int | None = None


Framing: TypeAlias = Chunked | Sized | UntilClose | NoBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Status line, headers and the way the body is delimited."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    framing: Framing = field(default_factory=Chunked)

    def header(self, name: str) -> str | None:
        """The first value of the header ``name`` (any case), or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def with_header(self, name: str, value: str | None) -> Head:
        """A copy with ``name`` set to ``value`` (removed when None); the place of an existing header is kept."""
        kept = [(k, value if k.lower() == name.lower() else v) for k, v in self.headers]
        if self.header(name) is None:
            kept.append((name, value))
        return replace(self, headers=tuple((k, v) for k, v in kept if v is not None))

    @lru_cache(maxsize=1 << 10)  # noqa: B019 - a head is a value, and a few of them are sent again and again
    def encode(self, body_size: int = 0) -> bytes:
        """The head as bytes; ``body_size`` counts only for :class:`Sized`."""
        lines = [f"HTTP/1.1 {self.status} {reason(self.status)}"]
        lines += [f"{name}: {value}" for name, value in (*self.headers, *self._framing_headers(body_size))]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

    def _framing_headers(self, body_size: int) -> tuple[tuple[str, str], ...]:
        match self.framing:
            case Chunked():
                return (("transfer-encoding", "chunked"),)
            case Sized(error):
                return (("content-length", str(max(0, body_size + error))),)
            case UntilClose():
                return (("connection", "close"),)
            case NoBody(length):
                return () if length is None else (("content-length", str(length)),)
            case _:
                assert_never(self.framing)


def reason(status: int) -> str:
    """The reason phrase of a status; the API's own 529 included."""
    if status == 529:
        return "Overloaded"
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


_compact = msgspec.json.Encoder().encode
_compact_ascii = json.JSONEncoder(separators=(",", ":")).encode


def json_text(value: Any) -> str:
    """``value`` as compact JSON, characters as they are; escaped where they have no UTF-8 form (lone surrogates)."""
    try:
        return _compact(value).decode()
    except UnicodeEncodeError:
        return _compact_ascii(value)


def sse(name: str | None, data: str) -> bytes:
    """One event: ``event`` line (unless ``name`` is None), one ``data`` line, blank line; raw UTF-8, LF."""
    event = f"event: {name}\n" if name is not None else ""
    return f"{event}data: {data}\n\n".encode("utf-8", "surrogatepass")


def frame(head: Head, body: Iterable[Effect], whole: Callable[[], int] = int) -> Iterator[Effect]:
    """Turn a reply's head and body effects into the effects on the connection.

    Where a length is declared it is that of the body, or ``whole()`` bytes for a body that is cut before its end.

    ``Send`` becomes a chunk where the body is chunked; ``End`` becomes what ends this kind of body. The other
    effects pass unchanged, so a ``Close`` before ``End`` is exactly a missing final chunk or a short body.
    """
    if isinstance(head.framing, Sized):
        body = list(body)
        size = sum(len(effect.data) for effect in body if isinstance(effect, Send))
        size = size if body and isinstance(body[-1], End) else max(size, whole())
    else:
        size = 0
    yield Send(head.encode(size))
    is_chunked = isinstance(head.framing, Chunked)
    for effect in body:
        if is_chunked and isinstance(effect, Send):
            if effect.data:
                yield _chunked(effect.data, effect.event)
        elif isinstance(effect, End):
            yield from _ending(head.framing)
        else:
            yield effect


def _chunked(data: bytes, event: str | None) -> Send:
    return _small_chunk(data, event) if len(data) <= _SMALL_BYTES else Send(chunk(data), event)


_SMALL_BYTES = 1 << 10


@lru_cache(maxsize=1 << 14)
def _small_chunk(data: bytes, event: str | None) -> Send:
    """Most of what is said is text, and much of it is said again in the next attempt and in the next case."""
    return Send(chunk(data), event)


def chunk(data: bytes) -> bytes:
    """``data`` as one HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _ending(framing: Framing) -> Iterator[Effect]:
    match framing:
        case Chunked():
            yield Send(FINAL_CHUNK)
            yield End()
        case Sized(error):
            yield Close() if error > 0 else End()
        case UntilClose() | NoBody():
            yield End()
        case _:
            assert_never(framing)
