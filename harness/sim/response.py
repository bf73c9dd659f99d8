"""HTTP responses on a line, as the bundled client's HTTP library reports them to its session. Pure.

A reader of its own, because the library's would make a case ten times as long; a test compares them.

Sources: RFC 9112 §4-7; h11 0.16, httpcore 1 and httpx 0.28 for what they refuse.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from enum import Enum
from functools import lru_cache
from random import Random

from client_under_test.errors import ConnectionLost, NoResponse, ProtocolError, StreamError
from client_under_test.signals import BodyEnded, BytesReceived, HeadReceived, Input, TransportFailed
from client_under_test.transport import Inflater
from harness.sim.agenda import EPOCH

_STATUS_LINE = re.compile(rb"HTTP/(\d\.\d) (\d{3})(?: ([^\x00\n\r\x0b\x0c]*))?")
_END_OF_HEAD = re.compile(rb"\A\r?\n|\n\r?\n")
"""The library takes a line feed for a line end, too."""
_FOLD = re.compile(rb"\r?\n[ \t]+")
_NAME = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[^\x00\r\n\x0b\x0c]*")
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,20})(?:;[^\n]*)?[ \t]*")
_LOWEST_STATUS = 200
_MOST_HEAD_BYTES = 100 * 1024


class _At(Enum):
    HEAD = "head"
    CHUNKED = "chunked"
    SIZED = "sized"
    UNTIL_CLOSED = "until_closed"
    OVER = "over"


class Broken(Exception):
    """The bytes are not HTTP."""


class ResponseReader:
    """Takes the bytes of one response and gives a session's inputs; after the last one it takes nothing.

    Args:
        now: virtual time.
        chance: how reads are cut: as they came, all at once, or in small pieces.
    """

    def __init__(self, now: Callable[[], float], chance: Random) -> None:
        self._now = now
        self._chance = chance
        self._style = chance.choice(("at once", "at once", "as sent", "in pieces"))
        self._at = _At.HEAD
        self._bytes = bytearray()
        self._left = 0
        self._inflater: Inflater | None = None

    @property
    def is_over(self) -> bool:
        """Whether the response has ended, one way or another."""
        return self._at is _At.OVER

    def take(self, data: list[bytes]) -> Iterator[Input]:
        """What the bytes bring."""
        for piece in self._pieces(data):
            if self.is_over:
                return
            self._bytes += piece
            answered = self._at is not _At.HEAD
            try:
                yield from self._read_what_is_whole()
            except Broken as broken:
                yield self._fail(str(broken), answered=answered or self._at is not _At.HEAD)
            except zlib.error as error:
                yield self._over(TransportFailed(ProtocolError(f"the compressed body is broken ({error})")))

    def end(self) -> Iterator[Input]:
        """The server has closed."""
        if self._at is _At.UNTIL_CLOSED:
            yield self._over(BodyEnded())
        elif not self.is_over:
            yield self._fail("the server closed the connection", answered=self._at is not _At.HEAD)

    def broken(self) -> Iterator[Input]:
        """The connection was reset."""
        if not self.is_over:
            yield self._fail("the connection was reset", answered=self._at is not _At.HEAD)

    def _pieces(self, data: list[bytes]) -> Iterator[bytes]:
        if self._style == "as sent":
            yield from data
            return
        whole, place = b"".join(data), 0
        while place < len(whole) and self._style == "in pieces":
            size = self._chance.choice((1, 2, 5, 30, 400))
            yield whole[place : place + size]
            place += size
        if place < len(whole):
            yield whole[place:]

    def _read_what_is_whole(self) -> Iterator[Input]:
        try:
            yield from self._read()
        except _Damaged as damaged:
            yield from self._inflated(damaged.data)
            yield self._fail(str(damaged), answered=True)

    def _read(self) -> Iterator[Input]:
        if self._at is _At.HEAD:
            if (head := self._head()) is None:
                return
            yield head
        body = self._body()
        if body:
            yield from self._inflated(bytes(body))
        if self._at is _At.OVER:
            yield BodyEnded()

    def _inflated(self, data: bytes) -> Iterator[Input]:
        assert self._inflater is not None
        for piece in self._inflater.pieces(data):
            yield BytesReceived(piece)

    def _head(self) -> HeadReceived | None:
        end = _END_OF_HEAD.search(self._bytes)
        if end is None:
            if len(self._bytes) > _MOST_HEAD_BYTES:
                raise Broken("the head is too long")
            return None
        line, *fields = _unfolded(bytes(self._bytes[: end.start()]))
        del self._bytes[: end.end()]
        status = _STATUS_LINE.fullmatch(line)
        if status is None or int(status[2]) < _LOWEST_STATUS:
            raise Broken("illegal status line")
        headers = dict(_field(one) for one in fields)
        self._begin_body(headers)
        self._inflater = Inflater(headers.get("content-encoding", ""))
        return HeadReceived(int(status[2]), headers, EPOCH + self._now())

    def _begin_body(self, headers: dict[str, str]) -> None:
        coding = headers.get("transfer-encoding")
        if coding is not None and coding.lower() != "chunked":
            raise Broken("only chunked is known")
        if coding is not None:
            self._at = _At.CHUNKED
        elif (length := headers.get("content-length")) is None:
            self._at = _At.UNTIL_CLOSED
        elif not re.fullmatch(r"[0-9]{1,20}", length):
            raise Broken("bad content-length")
        else:
            self._at, self._left = _At.SIZED, int(length)

    def _body(self) -> bytes | bytearray:
        if self._at is _At.CHUNKED:
            return self._chunks()
        data, self._bytes = self._bytes, bytearray()
        if self._at is _At.SIZED:
            data = data[: self._left]
            self._left -= len(data)
            self._at = _At.OVER if self._left == 0 else _At.SIZED
        return data

    def _chunks(self) -> bytes:
        """The data of all chunks that are there, as far as they are; ``_left`` counts the chunk and its line end."""
        data, raw, place = [], bytes(self._bytes), 0
        while place < len(raw):
            if self._left > 2:
                part = raw[place : place + self._left - 2]
                data.append(part)
                self._left -= len(part)
                place += len(part)
            elif self._left == 2 and raw.startswith(b"\r\n", place):
                self._left, place = 0, place + 2
            elif self._left:
                if raw[place] != b"\r\n"[2 - self._left]:
                    raise _Damaged(b"".join(data), "no line end behind a chunk")
                self._left -= 1
                place += 1
            else:
                end = raw.find(b"\r\n", place)
                if end < 0:
                    break
                size = _SIZE_LINE.fullmatch(raw, place, end)
                if size is None:
                    raise _Damaged(b"".join(data), "illegal chunk header")
                if int(size[1], 16) == 0:
                    self._take_trailer(raw, end + 2, data)
                    break
                self._left, place = int(size[1], 16) + 2, end + 2
        self._bytes = bytearray(raw[place:])
        return b"".join(data)

    def _take_trailer(self, raw: bytes, place: int, data: list[bytes]) -> None:
        """The fields behind the last chunk, which must be good ones, are told to nobody."""
        end = _END_OF_HEAD.search(raw[place:])
        if end is None:
            return
        try:
            for line in _unfolded(b"\n" + raw[place : place + end.start()])[1:]:
                _field(line)
        except Broken as broken:
            raise _Damaged(b"".join(data), str(broken)) from None
        self._at = _At.OVER

    def _fail(self, why: str, *, answered: bool) -> Input:
        error: StreamError = (
            ConnectionLost(f"the connection broke in the middle of the response ({why})")
            if answered
            else NoResponse(f"the connection broke before any response ({why})")
        )
        return self._over(TransportFailed(error))

    def _over(self, last: Input) -> Input:
        self._at = _At.OVER
        return last


class _Damaged(Broken):
    """Chunks are not HTTP behind some that are."""

    def __init__(self, data: bytes, why: str) -> None:
        super().__init__(why)
        self.data = data


def _unfolded(head: bytes) -> list[bytes]:
    """The lines of a head; one that begins with white space goes on the one before it."""
    status, _, fields = head.partition(b"\n")
    if fields[:1] in (b" ", b"\t"):
        raise Broken("a continuation without a line before it")
    lines = _FOLD.sub(b" ", fields).split(b"\n") if fields else []
    return [one.removesuffix(b"\r") for one in (status, *lines)]


@lru_cache(maxsize=1 << 10)
def _field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    value = value.strip(b" \t")
    if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise Broken("illegal header line")
    return name.decode("ascii").lower(), value.decode("latin-1")
