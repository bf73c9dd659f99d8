# /// script
# dependencies = ["httpx-sse>=0.4.3,<0.5", "httpx>=0.28,<1"]
#
# [tool.streamproof]
# name = "httpx-sse"
# ///
"""The decoders of `httpx-sse`, as its `iter_sse` uses them on the text of a response."""

import codecs

from httpx_sse._decoders import SSEDecoder, SSELineDecoder
from worker import serve


class Parser:
    def __init__(self):
        self._text = codecs.getincrementaldecoder("utf-8")("replace")  # as httpx reads text
        self._lines, self._events = SSELineDecoder(), SSEDecoder()

    def feed(self, data):
        return self._events_of(self._lines.decode(self._text.decode(data)))

    def close(self):
        return self._events_of(self._lines.flush())

    def _events_of(self, lines):
        decode, events = self._events.decode, []
        for line in lines:
            event = decode(line.rstrip("\n"))
            if event is not None:
                events.append(event)
        return events


serve(Parser)
