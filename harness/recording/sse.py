"""A capture that is the bare bytes of an event stream: what `curl -N URL > FILE` leaves. Pure."""

from __future__ import annotations

import re

from fake_server.frames import MOST_HELD, Framer
from fake_server.wire import STREAM_TYPE
from harness.recording.capture import Arrived, Exchange, arrived

_LOOKS = re.compile(rb"(?m)\A(?:\xef\xbb\xbf)?\s*(?:event|data|id|retry|):")


def is_stream_of_events(data: bytes) -> bool:
    """Whether ``data`` begins as an event stream does."""
    return _LOOKS.match(data) is not None


def exchanges_in(data: bytes) -> list[Exchange]:
    """The one answer; nothing is known of its head, so it gets that of a stream."""
    return [Exchange(status=200, headers=(("content-type", STREAM_TYPE),), pieces=in_pieces(data, is_stream=True))]


def in_pieces(body: bytes, *, is_stream: bool) -> tuple[Arrived, ...]:
    """A body cut into its events, where it has any."""
    if not is_stream:
        return tuple(arrived(body[place : place + MOST_HELD]) for place in range(0, len(body), MOST_HELD))
    framer = Framer()
    return tuple(arrived(one.data) for one in (*framer.take(body), *framer.rest()))
