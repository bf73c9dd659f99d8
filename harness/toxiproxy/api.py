"""The HTTP API of Toxiproxy 2.12 over a :class:`~harness.toxiproxy.server.Server`, and one route of our own.

``GET /events`` shows the event log as JSON lines: ``?after=N`` from there on, ``?proxy=NAME`` of one proxy, ``?follow``
as it grows. Everything else is Toxiproxy's: paths, methods, status codes, texts.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import posixpath
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

import msgspec
from aiohttp import web

from harness.toxiproxy import address, gojson
from harness.toxiproxy.address import LOOPBACK
from harness.toxiproxy.admission import refusal
from harness.toxiproxy.server import VERSION, ApiError, PopulateError, Server

DEFAULT_PORT = 8474
MAX_BODY_BYTES = 1 << 20
BODY_SECONDS = 15.0
"""What a client has to send a body."""
IDLE_SECONDS = 30.0
"""What it has to send a request line and headers, from the first connection or from the last answer."""
LINGER_SECONDS = 1.0
"""How long a body is read that nobody wants, so that its sender can read the answer."""
FOLLOWED_SECONDS = 5.0
"""How often it is looked whether somebody who follows the events is still there."""
_JSON = "application/json"
_PLAIN = "text/plain; charset=utf-8"

_LOGGER = logging.getLogger(__name__)
_LOGGER.addHandler(logging.NullHandler())  # a broken request is its sender's affair, and no traceback on our terminal

Handler = Callable[["_Call"], Awaitable[web.StreamResponse]]


class Api:
    """Serves one :class:`~harness.toxiproxy.server.Server` on one address."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._host = LOOPBACK
        self._listener: asyncio.Server | None = None
        self._web: web.Server | None = None
        self.port = 0

    async def start(self, host: str = LOOPBACK, port: int = 0) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be bound.
        """
        self._host = host
        self._web = web.Server(
            self._answer,
            request_factory=_request,
            logger=_LOGGER,
            access_log=None,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )
        self._listener = await asyncio.get_running_loop().create_server(self._web, host, port, backlog=4096)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the API and every proxy."""
        if self._listener is not None and self._web is not None:
            self._listener.close()
            await self._web.shutdown(0.1)
        self._server.stop()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        why = refusal(request.headers, self._host)
        if why is not None:
            return _plain(403, why + "\n")
        raw, mark, query = _target(request.raw_path).partition("?")
        if _BAD_ESCAPE.search(raw):
            return web.Response(status=400, text="400 Bad Request")
        path = unquote(raw)
        clean = _clean(path)
        if clean != path:
            return web.Response(status=301, headers={"Location": quote(clean, safe="/$&+,:;=@") + mark + query})
        call, found = _route(self._server, request, path)
        if found is None:
            return web.Response(status=404, text="404 page not found\n", headers={"X-Content-Type-Options": "nosniff"})
        handler = found.get(request.method) or found.get("*")
        if handler is None:
            return web.Response(status=405)
        return await _handled(call, handler)


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_BYTES)


async def _handled(call: _Call, handler: Handler) -> web.StreamResponse:
    if call.request.headers.get("User-Agent", "").startswith("Mozilla/"):
        response: web.StreamResponse = _plain(403, "User agent not allowed\n")
    else:
        try:
            response = await handler(call)
        except PopulateError as error:
            shown = [proxy.to_json() for proxy in error.done] or None
            response = _json(error.status, {"error": error.text, "status": error.status, "proxies": shown})
        except ApiError as error:
            text = gojson.encode({"error": error.text, "status": error.status}).decode() + "\n"
            response = _plain(error.status, text)
    if not response.prepared:
        response.headers["X-Toxiproxy-Request-Id"] = base64.b32hexencode(secrets.token_bytes(12))[:20].decode().lower()
    return response


# ---- routes ----------------------------------------------------------------------------------------------------------


class _Call:
    """One request with the names that its path has."""

    def __init__(self, server: Server, request: web.BaseRequest, proxy: str = "", toxic: str = "") -> None:
        self.server, self.request = server, request
        self.proxy, self.toxic = proxy, toxic

    async def body(self) -> bytes:
        """The body, in full; it is bounded in size and time. Who asks first whether to send it is told to (RFC 9110
        §10.1.1)."""
        if self.request.headers.get("expect", "").lower() == "100-continue" and self.request.transport is not None:
            self.request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self.request.read()
        except web.HTTPRequestEntityTooLarge:
            raise ApiError(413, f"bad request body: longer than {MAX_BODY_BYTES} bytes") from None
        except TimeoutError:
            raise ApiError(400, f"bad request body: not here after {BODY_SECONDS:g} s") from None


def _route(server: Server, request: web.BaseRequest, path: str) -> tuple[_Call, dict[str, Handler] | None]:
    match path.split("/")[1:]:
        case [only] if only in _TOP:
            return _Call(server, request), _TOP[only]
        case ["proxies", proxy] if proxy:
            return _Call(server, request, proxy), _PROXY
        case ["proxies", proxy, "toxics"] if proxy:
            return _Call(server, request, proxy), _TOXICS
        case ["proxies", proxy, "toxics", toxic] if proxy and toxic:
            return _Call(server, request, proxy, toxic), _TOXIC
        case _:
            return _Call(server, request), None


async def _proxies(call: _Call) -> web.StreamResponse:
    proxies = call.server.proxies
    return _json(200, {name: proxies[name].to_json() for name in sorted(proxies, key=str.encode)})


async def _create(call: _Call) -> web.StreamResponse:
    return _json(201, (await call.server.create(await call.body())).to_json())


async def _show(call: _Call) -> web.StreamResponse:
    return _json(200, call.server.proxy(call.proxy).to_json())


async def _update(call: _Call) -> web.StreamResponse:
    call.server.proxy(call.proxy)
    return _json(200, (await call.server.update(call.proxy, await call.body())).to_json())


async def _delete(call: _Call) -> web.StreamResponse:
    await call.server.delete(call.proxy)
    return _nothing()


async def _toxics(call: _Call) -> web.StreamResponse:
    return _json(200, [toxic.to_json() for toxic in call.server.proxy(call.proxy).toxics])


async def _add_toxic(call: _Call) -> web.StreamResponse:
    call.server.proxy(call.proxy)
    return _json(200, call.server.add_toxic(call.proxy, await call.body()).to_json())


async def _show_toxic(call: _Call) -> web.StreamResponse:
    return _json(200, call.server.toxic(call.proxy, call.toxic).to_json())


async def _update_toxic(call: _Call) -> web.StreamResponse:
    call.server.toxic(call.proxy, call.toxic)
    return _json(200, call.server.update_toxic(call.proxy, call.toxic, await call.body()).to_json())


async def _remove_toxic(call: _Call) -> web.StreamResponse:
    call.server.remove_toxic(call.proxy, call.toxic)
    return _nothing()


async def _populate(call: _Call) -> web.StreamResponse:
    done = await call.server.populate(await call.body())
    return _json(201, {"proxies": [proxy.to_json() for proxy in done]})


async def _reset(call: _Call) -> web.StreamResponse:
    await call.server.reset()
    return _nothing()


async def _version(_: _Call) -> web.StreamResponse:
    text = f'{{"version": "{VERSION}"}}\n'
    return web.Response(body=text.encode(), headers={"Content-Type": "application/json;charset=utf-8"})


async def _metrics(call: _Call) -> web.StreamResponse:
    headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    return web.Response(body=call.server.traffic.text().encode(), headers=headers)


async def _events(call: _Call) -> web.StreamResponse:
    query, log = call.request.rel_url.query, call.server.log
    proxy, number = query.get("proxy"), query.get("after", "0")
    if not (number.isascii() and number.isdigit() and len(number) < 20):
        raise ApiError(400, f"after must be the number of an event, not {number!r}")
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(call.request)
    last, news = int(number), asyncio.Event()
    log.waiters.add(news.set)
    try:
        while True:
            news.clear()
            for event in list(log.after(last, proxy)):
                await response.write(msgspec.json.encode(event) + b"\n")
                last = event.number
            if "follow" not in query or call.request.transport is None:
                return response
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), FOLLOWED_SECONDS)
    finally:
        log.waiters.discard(news.set)


_TOP: dict[str, dict[str, Handler]] = {
    "proxies": {"GET": _proxies, "POST": _create},
    "populate": {"POST": _populate},
    "reset": {"POST": _reset},
    "version": {"GET": _version},
    "metrics": {"*": _metrics},
    "events": {"GET": _events},
}
_PROXY: dict[str, Handler] = {"GET": _show, "POST": _update, "PATCH": _update, "DELETE": _delete}
_TOXICS: dict[str, Handler] = {"GET": _toxics, "POST": _add_toxic}
_TOXIC: dict[str, Handler] = {
    "GET": _show_toxic,
    "POST": _update_toxic,
    "PATCH": _update_toxic,
    "DELETE": _remove_toxic,
}


_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


def _target(raw: str) -> str:
    """Path and query of a request target, which may be a whole URL; ``//host`` is a path here, and no address."""
    return raw if raw.startswith("/") else re.sub("^[a-z]+://[^/?]*", "", raw, flags=re.IGNORECASE)


def _clean(path: str) -> str:
    """The path without empty segments and dots, as Go's router cleans it; a slash at the end stays."""
    clean = posixpath.normpath("/" + path.lstrip("/"))
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def _json(status: int, value: Any) -> web.Response:
    return web.Response(status=status, body=gojson.encode(value), headers={"Content-Type": _JSON})


def _plain(status: int, text: str) -> web.Response:
    headers = {"Content-Type": _PLAIN, "X-Content-Type-Options": "nosniff"}
    return web.Response(status=status, body=text.encode(), headers=headers)


def _nothing() -> web.Response:
    return web.Response(status=HTTPStatus.NO_CONTENT)


def base_url(host: str, port: int) -> str:
    """Where the API is."""
    return f"http://{address.join(host, port)}"
