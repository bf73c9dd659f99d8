"""The server on real sockets: aiohttp reads requests, :mod:`fake_server.perform` writes the replies.

Attempts belong together by the token in the path, ``/case/<token>/v1/messages``, and never by the body: a retry, a
continuation, a fallback and a change of provider all change the body.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from fake_server.clock import Clock, SystemClock
from fake_server.effects import Effect
from fake_server.exchange import TOO_LARGE, Asked, Conversation, read_body
from fake_server.perform import Log, perform
from fake_server.raw import Connection, Written
from fake_server.record import Hold, Sink
from fake_server.validate import MAX_REQUEST_BYTES, Problem
from fake_server.wire import Head, UntilClose

LOOPBACK = "127.0.0.1"
_BACKLOG = 4096
"""Connections that may wait to be accepted: thousands may come at once."""
_TURNS = 4
"""Of the loop, in which a connection that was being accepted is there."""


@dataclass(slots=True, kw_only=True)
class Case(Conversation):
    """A conversation on sockets: where to record it, and the replies that are being performed."""

    sink: Sink
    hold: Hold | None = None
    """Awaited after each request and each write: what it does meanwhile is done before the server goes on."""
    start: float = 0.0
    running: dict[asyncio.Task[Any], Log] = field(default_factory=dict)

    async def abandon(self) -> None:
        """Stop every reply that is still being performed and wait until it is recorded."""
        for task, log in list(self.running.items()):
            log.left = "abandoned"
            task.cancel()
        while self.running:
            await asyncio.wait(list(self.running))
            await asyncio.sleep(0)


class FakeServer:
    """Serves many cases at once on one port of the loopback interface.

    ``resolve`` makes a case for a token that is not open yet (for stand-alone use); without it such a request is a 404.
    ``routes`` are served beside the cases.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        resolve: Callable[[str], Case | None] | None = None,
        routes: Iterable[web.RouteDef] = (),
    ) -> None:
        self._clock = clock or SystemClock()
        self._resolve, self._routes = resolve, tuple(routes)
        self._cases: dict[str, Case] = {}
        self._runner: web.AppRunner | None = None
        self._listening: socket.socket | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self, host: str = LOOPBACK, port: int = 0) -> None:
        """Listen on ``host`` and ``port`` (0 is any free one; :attr:`port` tells which).

        Raises:
            OSError: when the address cannot be bound.
        """
        app = web.Application(client_max_size=MAX_REQUEST_BYTES)
        app.router.add_routes(self._routes)
        app.router.add_route("*", "/case/{token}/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        await web.SockSite(self._runner, self._listening, backlog=_BACKLOG).start()
        self.port = self._listening.getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and end what is still running."""
        for token in list(self._cases):
            await self.close_case(token)
        if self._runner is not None:
            await self._stop_listening(self._runner)
            await self._runner.cleanup()
        if self._listening is not None:
            self._listening.close()  # nobody else does where starting was cancelled

    async def _stop_listening(self, runner: web.AppRunner) -> None:
        """Take no more connections, and break those that there are: one that does not read would keep a close waiting.

        A connection that is being accepted when a server of asyncio is closed is lost without being closed, so the
        last ones are let in first.
        """
        if self._listening is not None and self._listening.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._listening)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        for handler in runner.server.connections if runner.server is not None else ():
            if handler.transport is not None:
                handler.transport.abort()
        await asyncio.sleep(0)

    def open_case(self, token: str, case: Case) -> str:
        """Serve ``case`` under ``token`` from now on; returns the base URL for its client."""
        case.start = self._clock.now()
        self._cases[token] = case
        return f"http://{LOOPBACK}:{self.port}/case/{token}"

    async def close_case(self, token: str) -> None:
        """Forget the case and stop what it is still being sent."""
        case = self._cases.pop(token, None)
        if case is not None:
            await case.abandon()

    def _case(self, token: str) -> Case | None:
        if token not in self._cases and self._resolve is not None:
            case = self._resolve(token)
            if case is not None:
                self.open_case(token, case)
        return self._cases.get(token)

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        case = self._case(http.match_info["token"])
        if case is None:
            return web.json_response(_plain_error("no such case; ask for /case/<scenario id>/v1/messages"), status=404)
        case.requests += 1
        log = Log(case.sink, self._clock, case.start, case.requests, case.hold)
        head, effects = await self._answer(http, case, log)
        return await self._perform(http, case, log, head, effects)

    async def _answer(self, http: web.Request, case: Case, log: Log) -> tuple[Head, Iterable[Effect]]:
        asked = await _read(http)
        await log.requested(case.requested(asked, t=log.t, attempt=log.attempt))
        replied, head, effects = case.answer(asked, t=log.t, attempt=log.attempt, wall=self._clock.wall())
        case.sink(replied)
        return head, effects

    async def _perform(
        self, http: web.Request, case: Case, log: Log, head: Head, effects: Iterable[Effect]
    ) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        case.running[task] = log
        try:
            how = await perform(effects, Connection(http), self._clock, log)
        finally:
            del case.running[task]
        return Written(keep_alive=how == "end" and http.keep_alive and not isinstance(head.framing, UntilClose))


async def _read(http: web.Request) -> Asked:
    try:
        body, unreadable = read_body(await http.read())
    except web.HTTPRequestEntityTooLarge:
        body, unreadable = None, TOO_LARGE
    except web.RequestPayloadError as error:
        body, unreadable = None, Problem(400, f"The request body cannot be read: {error}")
    return Asked(
        method=http.method,
        path=http.path,
        inside=http.match_info["path"],
        headers=http.headers,
        body=body,
        unreadable=unreadable,
        peer=_peer(http),
    )


def _peer(http: web.Request) -> str:
    name = http.transport.get_extra_info("peername") if http.transport is not None else None
    return f"{name[0]}:{name[1]}" if name else ""


def _plain_error(message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": "not_found_error", "message": message}}
