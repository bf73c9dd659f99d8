"""What a capture has of a reply: the exchange that a proxy would have kept of it."""

from __future__ import annotations

from collections.abc import Iterator

from fake_server.effects import Effect, End, Reset, Send, Wait
from fake_server.script import Request
from fake_server.wire import Head, Sized
from harness.model import Scenario
from harness.recording.capture import Ended, Exchange
from harness.recording.heads import is_stream
from harness.recording.sse import in_pieces

ASKED = {"stream": True, "model": "claude-sonnet-5-5", "messages": [{"role": "user", "content": "Hi"}]}
_MOST = 100_000


def exchanges_of(scenario: Scenario) -> list[Exchange]:
    """The exchange of each step, asked by a client that begins anew each time."""
    return [_exchange(scenario, attempt) for attempt in range(1, len(scenario.script.steps) + 1)]


def _exchange(scenario: Scenario, attempt: int) -> Exchange:
    request = Request(attempt=attempt, seed="s", body=ASKED)
    reply = scenario.script.reply(request)
    head: Head = reply.head
    body: Iterator[Effect] = iter(reply.body)
    for fault in reply.faults:
        head = fault.head(head)
        body = fault.body(body, request.chance(fault.name))
    data, ended = _received(body)
    length = (("content-length", str(len(data))),) if isinstance(head.framing, Sized) else ()
    headers = (*head.headers, *(length or (("transfer-encoding", "chunked"),)))
    pieces = in_pieces(data, is_stream=is_stream(headers))
    url = "https://api.example/v1/messages"
    return Exchange(number=attempt, url=url, status=head.status, headers=headers, pieces=pieces, ended=ended)


def _received(body: Iterator[Effect]) -> tuple[bytes, Ended]:
    """The bytes of a body and how it ended; silence was ended by somebody in between."""
    data = bytearray()
    for _, effect in zip(range(_MOST), body, strict=False):
        if isinstance(effect, Send):
            data += effect.data
        elif isinstance(effect, End):
            return bytes(data), "end"
        elif isinstance(effect, Reset):
            return bytes(data), "reset"
        elif not isinstance(effect, Wait) and type(effect).__name__ != "Mark":
            break
    return bytes(data), "close"
