"""The bundled client's own parser, in the three stages that are measured. No other module here knows the client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from client_under_test.assemble import Message
from client_under_test.dialects.anthropic import read
from client_under_test.dialects.events import Event
from client_under_test.sse import SseDecoder


class Parser(SseDecoder):
    """``feed`` is the decoder's."""

    @staticmethod
    def decode(chunks: Iterable[bytes]) -> Iterator[Event]:
        """The typed events in ``chunks``."""
        feed = SseDecoder().feed
        for chunk in chunks:
            yield from read(feed(chunk))

    @staticmethod
    def accumulate(chunks: Iterable[bytes]) -> list[Any]:
        """What the message says: the text of each block, or the input of its tool."""
        message = Message()
        for event in Parser.decode(chunks):
            message.apply(event)
        return [one.joined("text") if one.kind == "text" else one.tool_input() for one in message.blocks]
