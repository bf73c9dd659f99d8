"""A server that does nothing but write what is ready, in a process of its own: the least that any on asyncio costs.

Prints its port. Paths are ``/HOW/PIECES/...``: in ``bulk`` an answer is one write, in ``apart`` one for each event,
and any other ``HOW`` is the seconds between two of them.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice

from fake_server.answer import Answer
from fake_server.effects import Send
from fake_server.script import Request
from fake_server.wire import FINAL_CHUNK, chunk

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
ANSWER = Answer(sentences=97).reply(Request(attempt=1, seed="bench", body={"stream": True}))
EVENTS = [effect.data for effect in ANSWER.body if isinstance(effect, Send)]
BEGIN, MIDDLE, END = EVENTS[:3], EVENTS[3:-3], EVENTS[-3:]
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
WRITES = 48
"""In one turn of the loop, as ours does."""


def events(pieces: int) -> list[bytes]:
    """Those of an answer whose text comes in so many pieces."""
    return [*BEGIN, *islice(cycle(MIDDLE), pieces), *END]


def chunks(pieces: int) -> list[bytes]:
    """The same, each a chunk of HTTP."""
    return [chunk(event) for event in events(pieces)]


@cache
def writes(how: str, pieces: int) -> list[bytes]:
    """What is written one after the other."""
    answer = [*chunks(pieces), FINAL_CHUNK]
    return [b"".join(answer)] if how == "bulk" else answer


class Bare(asyncio.Protocol):
    """One connection; a request is answered when its last byte has come."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked = b""
        self._left: Iterator[bytes] = iter(())
        self._pace = self._due = 0.0
        self._is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._asked += data
        head, end, body = self._asked.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if end and length is not None and len(body) >= int(length[1]):
            self._asked = b""
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        _, how, pieces, *_ = head.split()[1].decode().split("/")
        self._transport.write(HEAD)
        self._left, self._due = iter(writes(how, int(pieces))), self._loop.time()
        self._pace = float(how) if how not in ("bulk", "apart") else 0.0
        self._go_on()

    def _go_on(self) -> None:
        for _ in range(1 if self._pace else WRITES):
            data = next(self._left, None)
            if data is None:
                return
            self._transport.write(data)
        self._due += self._pace
        if not self._is_full:
            self._loop.call_at(self._due, self._go_on)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._loop.call_soon(self._go_on)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
