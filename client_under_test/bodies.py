"""How the body of a response is delimited, and its bytes without what delimits it. Pure.

llhttp, the parser of Node, takes chunks off: all that are in one read, at once.

Source: RFC 9112 §6.3 (message body length), §7.1 (chunked coding), §8 (incomplete messages).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import httptools

_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class BrokenBody(Exception):
    """The body is not what its head says; what came before that was given out."""


class Body(Protocol):
    """Reads one body."""

    is_over: bool
    """Whether nothing more belongs to it."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the connection and return those of the body.

        Raises:
            BrokenBody: this cannot follow; what could comes from the call before.
        """
        ...

    def end(self) -> None:
        """The connection is at its end.

        Raises:
            BrokenBody: the body is not.
        """
        ...


def body_of(status: int, headers: Iterable[tuple[bytes, bytes]]) -> Body:
    """The reader for a response.

    Args:
        headers: with lower-case names, as h11 has found them: at most one length, and no coding but ``chunked``.
    """
    fields = dict(headers)
    if status in (204, 304):
        return Sized(0)
    if b"transfer-encoding" in fields:
        return Chunked()
    if b"content-length" in fields:
        return Sized(int(fields[b"content-length"]))
    return UntilClose()


class Chunked:
    """``Transfer-Encoding: chunked``."""

    def __init__(self) -> None:
        self.is_over = False
        self._pieces: list[bytes] = []
        self._broken = ""
        self.on_body = self._pieces.append
        """Called by the parser, for each chunk."""
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)  # some servers pad; h11 takes it
        self._parser.feed_data(_HEAD)

    def on_message_complete(self) -> None:
        """Called by the parser, behind the last chunk."""
        self.is_over = True

    def feed(self, data: bytes) -> bytes:
        """See :class:`Body`."""
        if self._broken:
            raise BrokenBody(self._broken)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self.is_over:  # what follows the end is of no interest on a connection for one request
                self._broken = f"a chunk is broken ({error})"
        found, self._pieces[:] = b"".join(self._pieces), ()
        if self._broken and not found:
            raise BrokenBody(self._broken)
        return found

    def end(self) -> None:
        """See :class:`Body`."""
        if not self.is_over:
            raise BrokenBody(self._broken or "the connection was closed without the last chunk")


class Sized:
    """``Content-Length``.

    Args:
        size: bytes of the body.
    """

    def __init__(self, size: int) -> None:
        self._size = self._left = size
        self.is_over = not size

    def feed(self, data: bytes) -> bytes:
        """See :class:`Body`."""
        data = data[: self._left]
        self._left -= len(data)
        self.is_over = not self._left
        return data

    def end(self) -> None:
        """See :class:`Body`."""
        if self._left:
            raise BrokenBody(f"the connection was closed, and {self._left} of {self._size} bytes are missing")


class UntilClose:
    """Neither: the body ends with the connection."""

    is_over = False

    def feed(self, data: bytes) -> bytes:
        """See :class:`Body`."""
        return data

    def end(self) -> None:
        """See :class:`Body`."""
