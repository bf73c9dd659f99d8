"""Cuts a body into its SSE events as it comes, and leaves every byte as it is. Pure.

Nothing is interpreted but where an event ends and what it is called: that is all that a fault needs in order to strike
one. Joined, the pieces are the bytes that came in.

Source: WHATWG HTML §9.2.6 (event stream interpretation).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from fake_server.effects import Send

MOST_HELD = 1 << 19
"""Bytes of an event that are held until it is whole; a longer one is passed on in pieces that a history keeps."""
_LINE_END = rb"(?>\r\n|\n|\r)"
_EVENT_END = re.compile(_LINE_END + _LINE_END)
_LINES = re.compile(_LINE_END)
_LONGEST_END = 4


class Framer:
    """Takes the bytes of an event stream however they are cut, and gives its events, each in one ``Send``."""

    def __init__(self) -> None:
        self._held = b""
        self._scanned = 0
        self._is_midway = False

    def take(self, data: bytes) -> Iterator[Send]:
        """The events that are whole now. A CR LF that comes in two reads may leave its LF to the next event."""
        self._held += data
        while True:
            end = _EVENT_END.search(self._held, max(0, self._scanned - _LONGEST_END))
            size = end.end() if end is not None else len(self._held)
            if size > MOST_HELD:
                yield self._cut(MOST_HELD, is_whole=False)
            elif end is not None:
                yield self._cut(size, is_whole=True)
            else:
                break
        self._scanned = len(self._held)

    def rest(self) -> Iterator[Send]:
        """What was left without its end when the body was over."""
        if self._held:
            yield self._cut(len(self._held), is_whole=True)

    def _cut(self, size: int, *, is_whole: bool) -> Send:
        piece, self._held, self._scanned = self._held[:size], self._held[size:], 0
        name = None if self._is_midway else event_of(piece)
        self._is_midway = not is_whole
        return Send(piece, name)


def event_of(frame: bytes) -> str | None:
    """What an event is called, as ``Send.event`` has it; None for what is none, such as a comment.

    Without an ``event`` field it is called what its JSON calls its ``type``, and ``message`` where that says nothing:
    gateways leave the field out, and other dialects never have it.
    """
    name, data = "", None
    for line in _LINES.split(frame.removeprefix(b"\xef\xbb\xbf")):
        field, _, value = line.partition(b":")
        if field == b"event":
            name = value.removeprefix(b" ").decode("utf-8", "replace")
        elif field == b"data":
            data = (data or b"") + value
    if data is None and not name:
        return None
    return name or _type_in(data or b"") or "message"


def _type_in(data: bytes) -> str:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    kind = found.get("type") if isinstance(found, dict) else None
    return kind if isinstance(kind, str) else ""
