"""Serves pages of ours to the one person at this machine, and to nobody else.

- Only 127.0.0.1 is listened on, and the path begins with a token that cannot be guessed.
- A request must name this machine as its host: a foreign name that was made to lead here (DNS rebinding) is refused.
- What changes anything must come from a page of ours: another origin is refused, and no CORS header is ever sent.
- Scripts, styles and connections are those of this server (Content Security Policy, level 3); nothing is framed, kept
  in a cache, or told to other servers by a Referer.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from hmac import compare_digest
from pathlib import Path
from typing import Self

from aiohttp import web

LOOPBACK = "127.0.0.1"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of every response."""
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
}
_MOST_BYTES = 1 << 16
"""Of a request."""
_SAFE = frozenset({"GET", "HEAD"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """One page with its files and what it may ask for.

    Args:
        files: by their names below the token; the page itself has the name "".
        routes: what else there is; paths begin with a slash and stand behind the token.
        closing: called when the site closes, before its connections do: ends what streams.
        token: the secret of the path; a new one by default.
    """

    def __init__(
        self,
        files: Mapping[str, Path],
        routes: Iterable[web.RouteDef],
        *,
        closing: Callable[[], Awaitable[None]] | None = None,
        token: str = "",
    ) -> None:
        self._files, self._routes, self._closing = dict(files), tuple(routes), closing
        self.token = token or secrets.token_urlsafe(16)
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Of the page; who has it may use it."""
        return f"http://{LOOPBACK}:{self.port}/{self.token}/"

    async def start(self, port: int = 0) -> None:
        """Listen on ``port`` (0 is any free one; :attr:`port` tells which).

        Raises:
            OSError: when the address cannot be bound.
        """
        app = web.Application(middlewares=[self._admit], client_max_size=_MOST_BYTES)
        app.on_response_prepare.append(_guarded)
        if self._closing is not None:
            app.on_shutdown.append(self._close)
        for name, path in self._files.items():
            app.router.add_get(f"/{{token}}/{name}", _file(path))
        for route in self._routes:
            app.router.add_route(route.method, f"/{{token}}{route.path}", route.handler)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening; streams are ended first."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _close(self, app: web.Application) -> None:
        assert self._closing is not None
        await self._closing()

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        hosts = (f"{LOOPBACK}:{self.port}", f"localhost:{self.port}")
        if request.host not in hosts:
            raise web.HTTPMisdirectedRequest(text="this page is served to this machine alone")
        if not compare_digest(request.path.split("/")[1].encode(), self.token.encode()):
            raise web.HTTPNotFound(text="open the address that was printed, with all that is in it")
        origin = request.headers.get("Origin")
        if request.method not in _SAFE and origin is not None and origin != f"http://{request.host}":
            raise web.HTTPForbidden(text="only a page of this server may ask for that")
        return await handler(request)


async def _guarded(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _file(path: Path) -> Callable[[web.Request], Awaitable[web.Response]]:
    kind, body = _TYPES[path.suffix], path.read_bytes()

    async def give(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, charset="utf-8")

    return give
