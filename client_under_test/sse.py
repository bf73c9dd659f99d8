"""A Server-Sent Events decoder: bytes in, events out, the same for every chunking.

Exact to WHATWG HTML §9.2.6 ("Interpreting an event stream"): CR, LF and CRLF end lines and nothing else does; one
leading BOM is dropped; ``data`` lines are joined by LF; an event without data is not dispatched; an event that is not
closed by a blank line is discarded at the end. It does no I/O and stays in bytes: text is decoded when it is asked for.

How it is fast: what may wait for more waits as it came, and nothing is looked at twice. Up to the last blank line a
read is split into lines at once. Where every event has the lines of the first, as those of an API have, these are
columns, and each column is checked and stripped by a few calls, without a step of Python for each line. Anything else
is read line by line, by the same rules.

Memory is bounded by ``max_event_bytes``, time is linear in the bytes however they are cut.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import repeat
from operator import itemgetter

from msgspec import Struct

from client_under_test.errors import LimitExceeded

_BOM = b"\xef\xbb\xbf"
_LF, _CR, _COLON = 10, 13, 58
_FEW_BYTES = 1024
"""Less than that is read faster line by line."""
_MOST_HELD_BYTES = 1 << 16
"""Of whole lines that wait for the end of their event as they came."""
_MOST_NAMES, _LONG_NAME_BYTES = 64, 64
"""Names that are remembered; of a line that is longer, none is."""
_AFTER_DATA = itemgetter(slice(6, None))


class SseEvent(Struct, frozen=True, gc=False):
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
        self._least = min(max_line_bytes, max_event_bytes)
        self._held = bytearray()
        """What came behind the last blank line, with LF for every end of a line."""
        self._room = self._max_line
        """How long that may be: a line, or less when there are whole lines in it."""
        self._broken: LimitExceeded | None = None
        self._is_fresh = False
        """Whether no event has begun; the held bytes apart."""
        self._is_odd = False
        """Whether the last byte was CR, or a limit was reached."""
        self._after_cr = False
        self._beginning = True
        self._name = ""
        self._data: list[bytes] = []
        self._data_size = 0
        self._last_id = ""
        self._retry_ms: int | None = None

    @property
    def retry_ms(self) -> int | None:
        """The last ``retry`` field: reconnection time in milliseconds. Lines that wait are read for it."""
        if self._held and self._broken is None:
            self._room = 0
            with suppress(LimitExceeded):  # the next read will tell
                self.feed(b"")
        return self._retry_ms

    def feed(self, data: bytes) -> list[SseEvent]:
        """Take the next bytes and return the events that they complete.

        Raises:
            LimitExceeded: a line or an event has grown beyond its limit. Events that were complete before that are
                returned first, and the next call raises; the decoder is of no use afterwards.
        """
        held = self._held
        if not held and self._is_fresh and len(data) <= self._least and _CR not in data:
            one = self._alone(data)
            if one is not None:
                return [one]
        if _LF not in data and _CR not in data and not self._is_odd:
            held += data
            if len(held) <= self._room:
                return []
            data = b""
        if self._broken is not None:
            raise self._broken
        events: list[SseEvent] = []
        try:
            self._take(data, events)
        except LimitExceeded as error:
            self._broken, self._is_fresh, self._is_odd = error, False, True
            if not events:
                raise
        return events

    def _take(self, data: bytes, events: list[SseEvent]) -> None:
        if self._after_cr or _CR in data:
            data = self._without_cr(data)
        held = self._held
        if _LF in data:
            end = data.rfind(b"\n\n") + 2
            if end > 1 or (data[0] == _LF and (not held or held[-1] == _LF)):
                block = data[:end]
                if held:
                    block = b"".join((held, block))
                    held.clear()
                self._room = self._max_line
                self._read(block, events)
                data = data[end:]
            if _LF in data:
                self._room = min(_MOST_HELD_BYTES, self._least)
        held += data
        if len(held) > self._room:
            self._make_room(events)
        self._is_fresh = not (self._data or self._name or self._after_cr or self._beginning)
        self._is_odd = self._after_cr

    def _without_cr(self, data: bytes) -> bytes:
        """``data`` with LF for CRLF and CR; an LF that follows a CR of the last read ended its line with it."""
        if self._after_cr and data:
            data = data[data[0] == _LF :]
            self._after_cr = False
        if data:
            self._after_cr = data[-1] == _CR
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _make_room(self, events: list[SseEvent]) -> None:
        """Read the whole lines that wait, so that no more than a line does."""
        end = self._held.rfind(b"\n") + 1
        lines = bytes(self._held[:end])
        del self._held[:end]
        self._room = self._max_line
        self._read(lines, events)
        if len(self._held) > self._max_line:
            raise self._too_long()

    def _read(self, block: bytes, events: list[SseEvent]) -> None:
        """Read whole lines."""
        if self._beginning and block:
            self._beginning = False
            block = block.removeprefix(_BOM)
        lines = block.split(b"\n")
        lines.pop()
        is_small = len(block) + self._data_size <= self._least
        if is_small and len(block) >= _FEW_BYTES and not (self._data or self._name):
            found = self._columns(lines)
            if found is not None:
                events += found
                return
        self._line_by_line(lines, events, is_small=is_small)

    def _alone(self, block: bytes) -> SseEvent | None:
        """The one event of lines that are ``event: …``, ``data: …`` and a blank one; None for other lines."""
        data = block.find(b"\ndata: ", 7)
        if data < 0 or block[:7] != b"event: " or block[-2:] != b"\n\n" or block.count(b"\n") != 3:
            return None
        return SseEvent(_NAMES[block[:data]], block[data + 7 : -2], self._last_id)

    def _columns(self, lines: list[bytes]) -> list[SseEvent] | None:
        """The events of lines that are ``event:…``, ``data: …`` and a blank one, or no more than the last two, again
        and again; None where they are not.
        """
        stride = 3 if lines[0][:6] == b"event:" else 2
        data = lines[stride - 2 :: stride]
        if len(lines) % stride or any(lines[stride - 1 :: stride]):
            return None
        if min(data) < b"data: " or max(data) >= b"data:!":  # then one of them begins in another way
            return None
        names = map(_NAMES.__getitem__, lines[::3]) if stride == 3 else repeat("message")
        try:
            return list(map(SseEvent, names, map(_AFTER_DATA, data), repeat(self._last_id)))
        except KeyError:
            return None

    def _line_by_line(self, lines: list[bytes], events: list[SseEvent], *, is_small: bool) -> None:
        """Read lines by their fields, the usual ones first; no limit can be reached where they are small in all."""
        name, data, size = self._name, self._data, self._data_size
        for line in lines:
            if not line:
                if data:
                    raw = data[0] if len(data) == 1 else b"\n".join(data)
                    events.append(SseEvent(name or "message", raw, self._last_id))
                    data, size = [], 0
                name = ""
                continue
            if not is_small and len(line) > self._max_line:
                raise self._too_long()
            start = line[:6]
            if start == b"data: ":
                value = line[6:]
            elif start == b"event:":
                name = _NAMES[line]
                continue
            elif line[0] == _COLON:
                continue
            else:
                field, _, value = line.partition(b":")
                value = value.removeprefix(b" ")
                if field != b"data":
                    name = self._rarer_field(field, value, name)
                    continue
            data.append(value)
            size += len(value) + 1
            if not is_small and size > self._max_event:
                raise LimitExceeded(f"an event is larger than {self._max_event} bytes")
        self._name, self._data, self._data_size = name, data, size

    def _rarer_field(self, field: bytes, value: bytes, name: str) -> str:
        """Take a field that is no data; returns the name of the event so far."""
        if field == b"event":  # without a colon
            return ""
        if field == b"id" and b"\0" not in value:
            self._last_id = value.decode("utf-8", "replace")
        elif field == b"retry" and value.isdigit():
            self._retry_ms = int(value.lstrip(b"0")[:18] or b"0")
        return name

    def _too_long(self) -> LimitExceeded:
        return LimitExceeded(f"a line of the event stream is longer than {self._max_line} bytes")


class _Names(dict[bytes, str]):
    """The names of events by their lines, which are few in all streams. What is no such line has none: KeyError."""

    def __missing__(self, line: bytes) -> str:
        if line[:6] != b"event:":
            raise KeyError(line)
        name = line[7 if line[6:7] == b" " else 6 :].decode("utf-8", "replace") or "message"
        if len(line) <= _LONG_NAME_BYTES:
            if len(self) >= _MOST_NAMES:
                self.clear()
            self[line] = name
        return name


_NAMES = _Names()
