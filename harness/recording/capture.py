"""What was captured of calls to a server: one :class:`Exchange` for each, and the file in which the proxy keeps them.

The file has JSON lines: one about the capture, then one for each exchange, written when it is over, so that a proxy
that is killed loses what is under way and nothing else. Pure but for no file is touched here.

A compressed body is not written: the keys in it cannot be overwritten where they are. The proxy asks servers for none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from harness.place import Place
from harness.recording.heads import is_compressed

VERSION = 1
Ended = Literal["end", "close", "reset", "left", "unreachable"]


class Arrived(msgspec.Struct, frozen=True):
    """Some bytes of an answer: an event, where there are events."""

    text: str
    """The bytes as UTF-8; a byte that is none is the surrogate that PEP 383 has for it."""
    t: float = 0.0
    """Seconds since the head of the answer came, as far as known."""

    @property
    def data(self) -> bytes:
        """The bytes themselves."""
        return self.text.encode("utf-8", "surrogateescape")


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A request and what the server answered."""

    number: int = 1
    began: float | None = None
    """Seconds since the epoch."""
    method: str = "POST"
    url: str = ""
    request_headers: tuple[tuple[str, str], ...] = ()
    request_body: str | None = None
    """Only where it was asked for: prompts are private."""
    status: int | None = None
    """None when no answer came."""
    headers: tuple[tuple[str, str], ...] = ()
    pieces: tuple[Arrived, ...] = ()
    """The body as the server sent it, before any fault of ours."""
    ended: Ended = "end"
    """How the server's answer ended; "left" when the client had gone before, "unreachable" when there was none."""
    faults: tuple[dict[str, Any], ...] = ()
    """What the proxy did to it on its way to the client, as recorded scenarios write it."""

    @property
    def body(self) -> bytes:
        """The body in one piece."""
        return b"".join(piece.data for piece in self.pieces)

    def header(self, name: str) -> str:
        """The first value of a header of the answer (any case); empty when there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def with_body(self, body: bytes) -> Exchange:
        """The same with another body of the same length, cut in the same places."""
        pieces, place = [], 0
        for piece in self.pieces:
            size = len(piece.data)
            text = body[place : place + size].decode("utf-8", "surrogateescape")
            pieces.append(Arrived(text, piece.t))
            place += size
        return msgspec.structs.replace(self, pieces=tuple(pieces))


def arrived(data: bytes, t: float = 0.0) -> Arrived:
    """Some bytes that came ``t`` seconds after the head."""
    return Arrived(data.decode("utf-8", "surrogateescape"), t)


def first_line(upstream: str) -> str:
    """The line about a capture of ``upstream``."""
    return _line({"streamproof": "capture", "version": VERSION, "upstream": upstream})


def line_of(exchange: Exchange) -> str:
    """The line of one exchange."""
    return _line(msgspec.to_builtins(_legible(exchange)))


def is_capture(data: bytes) -> bool:
    """Whether ``data`` is a file of this kind."""
    return data.startswith(b'{"streamproof"')


def exchanges_in(data: bytes, where: str) -> list[Exchange]:
    """The exchanges of a file of this kind. A last line that was cut by a kill is left out.

    Raises:
        UsageError: the file is damaged; names the line and the place in it.
    """
    first, *lines = data.split(b"\n")
    place = Place(f"{where}, line 1")
    about = _json(first, place)
    if about.get("version") != VERSION:
        raise place.field("version").wrong(f"{VERSION}, the only one that this streamproof reads", about.get("version"))
    return list(_exchanges(lines[:-1], where))


def _legible(exchange: Exchange) -> Exchange:
    """The exchange without its compressed bodies."""
    pieces = () if is_compressed(exchange.headers, exchange.body) else exchange.pieces
    body = (exchange.request_body or "").encode("utf-8", "surrogateescape")
    asked = None if is_compressed(exchange.request_headers, body) else exchange.request_body
    return msgspec.structs.replace(exchange, pieces=pieces, request_body=asked)


def _exchanges(lines: Iterable[bytes], where: str) -> Iterator[Exchange]:
    for number, line in enumerate(lines, 2):
        place = Place(f"{where}, line {number}")
        try:
            exchange = msgspec.convert(_json(line, place), Exchange)
            exchange.body  # noqa: B018 - its text must stand for bytes
        except msgspec.ValidationError as error:
            raise place.error(error) from None
        except UnicodeEncodeError as error:
            raise place.field("pieces").error(f"{error.object[error.start]!r} stands for no byte") from None
        yield exchange


def _json(line: bytes, place: Place) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise place.error(f"it is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise place.wrong("a JSON object", found)
    return found


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"
