"""The relay as an ASGI application: any ASGI server runs it, any ASGI framework mounts it.

Source: ASGI specification 3.0, "HTTP & WebSocket ASGI Message Format".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from client_under_test.driver_async import StreamClient
from client_under_test.errors import StreamError
from client_under_test.sinks.relay import refusal, relay

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_STREAM = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
_JSON = {"content-type": "application/json"}
_MOST_BYTES = 32 * 1024 * 1024
"""Of a request, as at the Messages API."""


class RelayApp:
    """Answers each request with what ``client`` is answered; see :mod:`client_under_test.sinks.relay`.

    A failure before anything was sent becomes a status. A later one is raised, so that the server cuts the connection.
    Whoever leaves ends the call that was made for him.

    Args:
        client: asks for the answers; it is not closed.
        hold: whether to send text only when the answer is whole.
    """

    def __init__(self, client: StreamClient, *, hold: bool = False) -> None:
        self._client = client
        self._hold = hold

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request, whatever its path.

        Raises:
            StreamError: the answer is not whole, and a part of it was sent.
            NotImplementedError: ``scope`` is not HTTP.
        """
        if scope["type"] != "http":
            raise NotImplementedError(f"a relay speaks HTTP, and not {scope['type']}")
        body = await _body(receive)
        if body is None:
            return
        if len(body) > _MOST_BYTES:
            await _refuse(send, 413, "request_too_large", f"the request is larger than {_MOST_BYTES} bytes")
            return
        try:
            request = json.loads(body)
            if not isinstance(request, dict):
                raise ValueError("not an object")
        except (ValueError, RecursionError) as error:
            await _refuse(send, 400, "invalid_request_error", f"the request must be a JSON object: {error}")
            return
        await self._answer(request, receive, send)

    async def _answer(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        """Stream the answer on until its end, or until its reader has left."""
        answering = asyncio.create_task(self._stream(request, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _stream(self, request: dict[str, Any], send: Send) -> None:
        chunks = relay(self._client.stream(request), model=str(request.get("model", "")), hold=self._hold)
        async with aclosing(chunks):
            try:
                first = await anext(chunks)
            except StreamError as error:
                await _send_whole(send, *refusal(error))
                return
            await _send_stream(send, first, chunks)


async def _send_stream(send: Send, first: bytes, chunks: AsyncGenerator[bytes, None]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _STREAM})
    await send({"type": "http.response.body", "body": first, "more_body": True})
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _refuse(send: Send, status: int, kind: str, message: str) -> None:
    await _send_whole(send, status, {}, {"type": "error", "error": {"type": kind, "message": message}})


async def _send_whole(send: Send, status: int, headers: Mapping[str, str], body: Mapping[str, Any]) -> None:
    fields = [(name.encode(), value.encode()) for name, value in {**_JSON, **headers}.items()]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": json.dumps(body).encode(), "more_body": False})


async def _body(receive: Receive) -> bytes | None:
    """The body of the request, None when its sender left. Of one that is too large no more is read than shows it."""
    body = bytearray()
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > _MOST_BYTES or not message.get("more_body", False):
            return bytes(body)
    return None


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
