"""A Server-Sent Events decoder: bytes in, events out, the same for every chunking.

Exact to WHATWG HTML §9.2.6 ("Interpreting an event stream"): CR, LF and CRLF end lines and nothing else does; one
leading BOM is dropped; ``data`` lines are joined by LF; an event without data is not dispatched; an event that is not
closed by a blank line is discarded at the end. It does no I/O and stays in bytes: text is decoded when it is asked for.

Memory is bounded by ``max_event_bytes``, time is linear in the bytes however they are cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from client_under_test.errors import LimitExceeded

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One dispatched event."""

    name: str
    """The ``event`` field, ``"message"`` when there was none."""
    raw: bytes
    """The ``data`` lines joined by LF, undecoded."""
    last_id: str = ""

    @property
    def data(self) -> str:
        """The data as text; invalid UTF-8 becomes U+FFFD, as the standard says."""
        return self.raw.decode("utf-8", "replace")


class SseDecoder:
    """Turns the bytes of one body into events. Make a new one for each response."""

    def __init__(self, *, max_line_bytes: int = 16 << 20, max_event_bytes: int = 16 << 20) -> None:
        self._max_line, self._max_event = max_line_bytes, max_event_bytes
        self._line = bytearray()
        self._broken: LimitExceeded | None = None
        self._after_cr = False
        self._beginning = True
        self._name = b""
        self._data: list[bytes] = []
        self._data_size = 0
        self._last_id = self._new_id = ""
        self.retry_ms: int | None = None
        """The last ``retry`` field: reconnection time in milliseconds."""

    def feed(self, data: bytes) -> list[SseEvent]:
        """Take the next bytes and return the events that they complete.

        Raises:
            LimitExceeded: a line or an event has grown beyond its limit. Events that were complete before that are
            returned first,
                and the next call raises; the decoder is of no use afterwards.
        """
        if self._broken is not None:
            raise self._broken
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == 0x0A:
                data = data[1:]
        if not data:
            return []
        self._after_cr = data[-1] == 0x0D
        events: list[SseEvent] = []
        try:
            self._take(data, events)
        except LimitExceeded as error:
            self._broken = error
            if not events:
                raise
        return events

    def _take(self, data: bytes, events: list[SseEvent]) -> None:
        *lines, rest = _LINE_END.split(data)
        for line in lines:
            event = self._end_line(line)
            if event is not None:
                events.append(event)
        self._line += rest
        self._check(len(self._line))

    def _check(self, size: int) -> None:
        if size > self._max_line:
            raise LimitExceeded(f"a line of the event stream is longer than {self._max_line} bytes")

    def _end_line(self, line: bytes) -> SseEvent | None:
        if self._line:
            line = bytes(self._line + line)
            self._line.clear()
        if len(line) > self._max_line:
            self._check(len(line))
        if self._beginning:
            self._beginning = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        self._field(line)
        return None

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._data_size += len(value) + 1
            if self._data_size > self._max_event:
                raise LimitExceeded(f"an event is larger than {self._max_event} bytes")
        elif name == b"event":
            self._name = value
        elif name == b"id" and b"\0" not in value:
            self._new_id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit():
            self.retry_ms = int(value.lstrip(b"0")[:18] or b"0")

    def _dispatch(self) -> SseEvent | None:
        self._last_id = self._new_id
        name, data = self._name, self._data
        self._name, self._data, self._data_size = b"", [], 0
        if not data:
            return None
        raw = data[0] if len(data) == 1 else b"\n".join(data)
        return SseEvent(name.decode("utf-8", "replace") or "message", raw, self._last_id)
