"""How far a reply had come when a fault struck it."""

from __future__ import annotations

import pytest

from fake_server.record import Requested, Sent, Struck
from harness.attempt import Attempt
from harness.states import Delivered, state_at

EVENTS = ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta")


def reply() -> Attempt:
    """A head of ten bytes, and events of ten bytes each."""
    request = Requested(t=0.0, attempt=1, method="POST", path="/", headers={}, body={}, streams=True)
    found = Attempt(1, request)
    for number, event in enumerate((None, *EVENTS), start=1):
        found.sent.append(Sent(t=0.0, attempt=1, data=b"x" * 10, size=10, total=10 * number, event=event))
    found.struck.append(Struck(t=0.0, attempt=1, fault="pause", note="", total=35))
    return found


@pytest.mark.parametrize(
    ("total", "state"),
    [
        (0, Delivered.NOTHING),
        (1, Delivered.STARTED),
        (39, Delivered.STARTED),
        (40, Delivered.CONTENT),
        (59, Delivered.CONTENT),
        (60, Delivered.ENDED),
        (99, Delivered.ENDED),
    ],
)
def test_a_state_begins_when_its_event_is_whole(total: int, state: Delivered) -> None:
    assert state_at(reply(), total) is state
