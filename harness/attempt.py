"""One request and its reply, as far as the client could see it. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from fake_server.record import Ended, Replied, Requested, Sent, ServerRecord, Struck
from harness.grammar import Told
from harness.reading import Reading, reading_of
from harness.reference import Response

_READ_SECONDS = 0.02
"""Bytes that have waited so long were read."""
_PLAIN_HEAD = re.compile(rb"HTTP/1\.1 200 OK(?:\r\n[a-z0-9-]+: [ -~]*)*")


@dataclass
class Attempt:
    """What the server knows of one request."""

    number: int
    requested: Requested
    replied: Replied | None = None
    sent: list[Sent] = field(default_factory=list)
    struck: list[Struck] = field(default_factory=list)
    ended: Ended | None = None

    @property
    def is_invalid(self) -> bool:
        """Whether it is no request that the API takes, and the server has refused it for that."""
        return self.replied is not None and self.replied.step == 0

    @cached_property
    def wire(self) -> bytes:
        """The bytes of the reply as they were written (each write is kept up to a limit)."""
        return b"".join(record.data for record in self.sent)

    @property
    def whole(self) -> bool:
        """Whether :attr:`wire` has every byte that was sent."""
        return all(len(record.data) == record.size for record in self.sent)

    @cached_property
    def response(self) -> Response:
        """What the oracle's own reader makes of those bytes."""
        return self._reading.reply(self.wire)

    @cached_property
    def _reading(self) -> Reading:
        return reading_of(self.requested.path)

    @cached_property
    def told(self) -> Told:
        """What the reply tells up to the first event that is out of order; nothing when it is no answer."""
        return self._reading.told(self.response)

    @cached_property
    def told_to_the_lenient(self) -> Told:
        """The same for a client that lets small omissions pass."""
        if not self.told.flaw or self.response.media_type == "application/json":
            return self.told
        return self._reading.told(self.response, is_lenient=True)

    def told_in(self, size: int) -> Told:
        """What the first ``size`` bytes of the reply tell."""
        return self._reading.told(self._reading.reply(self.wire[:size]))

    @property
    def may_be_unread(self) -> bool:
        """Whether a RST came right behind the bytes: it discards what was not read yet."""
        last = self.sent[-1].t if self.sent else 0.0
        return self.ended is not None and self.ended.how == "reset" and self.ended.t - last < _READ_SECONDS

    @property
    def head_took(self) -> float:
        """Seconds from the request to the end of the reply's head; infinite when that never came."""
        head = bytearray()
        for record in self.sent:
            head += record.data
            if b"\r\n\r\n" in head:
                return record.t - self.requested.t
        return math.inf

    @property
    def has_plain_head(self) -> bool:
        """Whether its head is that of a stream, without anything odd."""
        head = self.wire.partition(b"\r\n\r\n")[0]
        headers = self.response.headers
        is_stream = headers.get("content-type") == "text/event-stream; charset=utf-8"
        is_plain = "content-encoding" not in headers and _is_plainly_framed(headers)
        return is_stream and is_plain and _PLAIN_HEAD.fullmatch(head) is not None

    @property
    def has_legible_head(self) -> bool:
        """Whether its head promises what any client can read: a stream or JSON, as it is."""
        is_known = self.response.media_type in ("text/event-stream", "application/json")
        return is_known and "content-encoding" not in self.response.headers

    @cached_property
    def is_answer(self) -> bool:
        """Whether it is a stream that is whole, by HTTP and by its own end, with nothing out of order."""
        over = self.ended is not None and self.ended.how == "end"
        return over and self.whole and self.response.ended and self._is_in_order

    @property
    def _is_in_order(self) -> bool:
        return self.told.is_flawless and self.response.is_utf8 and self.has_plain_head

    @property
    def before_fault(self) -> Response:
        """The same for the bytes before the last fault that struck inside the body; all of them when none did."""
        begins = self.wire.find(b"\r\n\r\n") + 4
        inside = [one.total for one in self.struck if begins < one.total]
        return self._reading.reply(self.wire[: inside[-1]]) if inside else self.response

    @property
    def over_at(self) -> float | None:
        """When the reply was over for the server, None while it was not."""
        return self.ended.t if self.ended is not None else None


def _is_plainly_framed(headers: Mapping[str, str]) -> bool:
    """Whether a body ends by chunks, by its length or by the close, and no client can be in doubt by which (RFC 9112
    §6.3)."""
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    return (coding is None and (length is None or length.isdecimal())) or (coding == "chunked" and length is None)


def attempts_in(records: tuple[ServerRecord, ...]) -> list[Attempt]:
    """The requests that the server saw, in order, each with its records."""
    found: dict[int, Attempt] = {}
    for record in records:
        match record:
            case Requested():
                found[record.attempt] = Attempt(record.attempt, record)
            case Replied():
                found[record.attempt].replied = record
            case Sent():
                found[record.attempt].sent.append(record)
            case Struck():
                found[record.attempt].struck.append(record)
            case Ended():
                found[record.attempt].ended = record
    return list(found.values())
