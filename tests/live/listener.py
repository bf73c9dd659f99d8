"""A bare server in the test's own event loop, which leaves no connection behind when the test is over."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


@asynccontextmanager
async def listening(serve: Serve, secure: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Do with each connection what ``serve`` does; yields the port on 127.0.0.1.

    What goes on at the end is cancelled and waited for, and every connection is closed: an event loop that ends before
    would leave it to the garbage collector, which warns in whatever test comes next.
    """
    held: dict[asyncio.Task[Any], asyncio.WriteTransport] = {}

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        held[task] = writer.transport
        await serve(reader, writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0, ssl=secure)
    async with server:
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            for task, transport in held.items():
                task.cancel()
                transport.abort()
            await asyncio.gather(*held, return_exceptions=True)
            await asyncio.sleep(0)  # what is aborted is closed in the next turn
