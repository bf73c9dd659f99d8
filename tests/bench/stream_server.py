"""A server whose answers cost it nothing, in a process of its own: bytes that are ready, sent as the path asks.

Prints its port. ``/bulk/40`` sends the text of an answer forty times over and at once, as a server far away that was
waited for; ``/each/40`` sends a segment for each event, as a model that speaks.
"""

from __future__ import annotations

import asyncio
import sys

from fake_server.answer import Answer
from fake_server.effects import Send
from fake_server.script import Request
from fake_server.wire import FINAL_CHUNK, chunk

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
ANSWER = Answer(sentences=240).reply(Request(attempt=1, seed="bench", body={"stream": True}))
EVENTS = [effect.data for effect in ANSWER.body if isinstance(effect, Send)]
BEGIN, MIDDLE, END = EVENTS[:3], EVENTS[3:-3], EVENTS[-3:]


def chunks(times: int) -> list[bytes]:
    """An answer, its text so many times over."""
    return [chunk(event) for event in (*BEGIN, *MIDDLE * times, *END)]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    size = next(int(line.split()[1]) for line in head.lower().splitlines() if line.startswith(b"content-length"))
    await reader.readexactly(size)
    _, how, times, *_ = head.split()[1].split(b"/")
    writer.write(HEAD)
    if how == b"bulk":
        writer.write(b"".join(chunks(int(times))))
    else:
        for one in chunks(int(times)):
            writer.write(one)
            await writer.drain()
            await asyncio.sleep(0)
    writer.write(FINAL_CHUNK)
    await writer.drain()
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
