"""How far a reply had come, for its reader, when a fault struck it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from harness.attempt import Attempt
from harness.history import Case, Record


class Delivered(StrEnum):
    """What the client had of the reply."""

    NOTHING = "nothing"
    STARTED = "started"
    """The head, or the beginning of a message."""
    CONTENT = "content"
    ENDED = "ended"
    """The end of the answer."""


def struck_in(record: Record) -> Iterator[tuple[str, str]]:
    """Name and state for each fault of a reply or of the network that struck."""
    for attempt in Case(record).attempts:
        for struck in attempt.struck:
            yield struck.fault, state_at(attempt, struck.total)


def state_at(attempt: Attempt, total: int) -> Delivered:
    """How far the reply had come when ``total`` bytes were written."""
    state = Delivered.NOTHING if total == 0 else Delivered.STARTED
    for sent in attempt.sent:
        if sent.total > total:
            break
        if sent.event == "content_block_delta":
            state = Delivered.CONTENT
        elif sent.event in ("message_delta", "message_stop"):
            return Delivered.ENDED
    return state
