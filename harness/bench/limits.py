"""What no parser in Python can beat: the least that has to be done with the bytes. None of them reads a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder


class Limit:
    """Measured like a parser, and never asked whether it is one."""

    is_limit = True


class Scan(Limit):
    """One search through the bytes."""

    @staticmethod
    def parse(chunks: Iterable[bytes]) -> tuple[()]:
        """Look at every byte."""
        for chunk in chunks:
            chunk.find(b"\0")
        return ()


class Split(Limit):
    """``bytes.split`` on the blank line."""

    @staticmethod
    def parse(chunks: list[bytes]) -> tuple[()]:
        """Split each read; pieces that two reads share are not put together."""
        blank = b"\r\n\r\n" if b"\r" in chunks[0] else b"\n\n"
        for chunk in chunks:
            chunk.split(blank)
        return ()


class _Framed(Struct, frozen=True, gc=False):
    name: bytes
    data: bytes


class Events(Limit):
    """Lines by ``bytes.split``, and an object with a name and data of three at a time, whatever is in them."""

    @staticmethod
    def parse(chunks: Iterable[bytes]) -> Iterator[_Framed]:
        """Each read by itself, as if it began with an event."""
        for chunk in chunks:
            lines = chunk.splitlines() if b"\r" in chunk else chunk.split(b"\n")
            yield from map(_Framed, lines[::3], map(_AFTER_FIELD, lines[1::3]))


_AFTER_FIELD = itemgetter(slice(6, None))


class _Text(Struct, tag="text_delta"):
    text: str


class _Input(Struct, tag="input_json_delta"):
    partial_json: str


class _Delta(Struct, tag="content_block_delta"):
    index: int
    delta: _Text | _Input


class _Start(Struct, tag="message_start"):
    message: dict[str, Any]


class _BlockStart(Struct, tag="content_block_start"):
    index: int
    content_block: dict[str, Any]


class _BlockStop(Struct, tag="content_block_stop"):
    index: int


class _MessageDelta(Struct, tag="message_delta"):
    delta: dict[str, Any]
    usage: dict[str, Any]


class _Stop(Struct, tag="message_stop"):
    pass


class _Ping(Struct, tag="ping"):
    pass


_Event = _Delta | _Start | _BlockStart | _BlockStop | _MessageDelta | _Stop | _Ping
_decode = Decoder(_Event).decode


class Msgspec(Limit):
    """``msgspec`` alone: a tagged union, decoded from payloads that are there."""

    parse = Scan.parse

    @staticmethod
    def prepare(chunks: Iterable[bytes]) -> list[bytes]:
        """The payloads."""
        plain = b"".join(chunks).replace(b"\r\n", b"\n")
        return [data for event in plain.split(b"\n\n") if (data := _data(event))]

    @staticmethod
    def decode(payloads: Iterable[bytes]) -> Iterator[Any]:
        """The events."""
        return map(_decode, payloads)


def _data(event: bytes) -> bytes:
    return b"\n".join(line[6:] for line in event.split(b"\n") if line.startswith(b"data: "))
