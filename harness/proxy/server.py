"""The proxy on its sockets: takes requests, passes them on, and performs what comes back with the faults in it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterable
from dataclasses import replace
from typing import Self

from aiohttp import web

from fake_server.answer import Answer
from fake_server.clock import Clock, SystemClock
from fake_server.effects import Effect, End, Last
from fake_server.perform import Log, perform
from fake_server.raw import Connection, Written
from fake_server.record import ServerRecord, Struck
from fake_server.script import Reply, Request, render
from fake_server.wire import Chunked, Head, NoBody, Sized, UntilClose
from harness.proxy.chaos import Chaos, is_to_a_model, script_of
from harness.proxy.flow import Flow, Passing
from harness.proxy.passed import Passed, bad_gateway, unstruck
from harness.proxy.upstream import Answering, Unreachable, Upstream
from harness.recording.heads import declared, end_to_end, framing_of, is_stream

_CASE = re.compile(r"/case/([^/?]+)(/.*)")
_MOST_REQUEST_BYTES = 1 << 29
_MOST_HELD = 1 << 23
"""Bytes of an answer with a length that are held until it is whole; a longer one is passed on in chunks."""


class Proxy:
    """Passes requests on to ``upstream``.

    Args:
        chaos: what is done to the answers of a model.
        seed: of the faults.
        sink: takes the records of what is done.
        keep: takes each request when it is over, if it is to be kept.
        warn: takes a line about what went wrong beside the faults.
    """

    def __init__(
        self,
        upstream: Upstream,
        chaos: Chaos,
        *,
        seed: str,
        sink: Callable[[ServerRecord], object],
        warn: Callable[[str], object],
        keep: Callable[[Passed], object] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._upstream, self._chaos, self._seed = upstream, chaos, seed
        self._sink, self._warn, self._keep = sink, warn, keep
        self._clock = clock or SystemClock()
        self._start = self._clock.now()
        self._requests = 0
        self._attempts: Counter[str] = Counter()
        self._running: set[Log] = set()
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on ``host`` and ``port`` (0 is any free one; :attr:`port` tells which).

        Raises:
            OSError: when the address cannot be bound.
        """
        app = web.Application(client_max_size=_MOST_REQUEST_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, auto_decompress=False, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, backlog=1024).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and end what is still running."""
        for log in self._running:
            log.left = "abandoned"
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        passed = await self._taken(http)
        struck: list[Struck] = []
        log = Log(lambda record: self._record(record, struck), self._clock, self._start, passed.number)
        self._sink(passed.requested(log.t))
        self._running.add(log)
        try:
            return await self._answer(http, passed, log)
        finally:
            self._running.discard(log)
            for name in unstruck(passed.faults, struck):
                self._warn(f"{name} never struck in reply {passed.number}")
            if self._keep is not None:
                self._keep(passed)

    def _record(self, record: ServerRecord, struck: list[Struck]) -> None:
        if isinstance(record, Struck):
            struck.append(record)
        self._sink(record)

    async def _taken(self, http: web.Request) -> Passed:
        """The request, and where it stands among those to a model."""
        body = await http.read()
        raw = http.raw_path if http.raw_path.startswith("/") else http.rel_url.raw_path_qs
        case = _CASE.fullmatch(raw)
        name, path = (case[1], case[2]) if case else ("", raw)
        self._requests += 1
        is_counted = is_to_a_model(http.method, path)
        self._attempts[name] += is_counted
        return Passed(
            number=self._requests,
            method=http.method,
            path=path,
            headers=tuple((_text(name), _text(value)) for name, value in http.raw_headers),
            body=body,
            began=self._clock.wall(),
            attempt=self._attempts[name] if is_counted else 0,
        )

    async def _answer(self, http: web.Request, passed: Passed, log: Log) -> web.StreamResponse:
        move = self._chaos.move(passed.attempt) if passed.attempt else Answer()
        request = self._request(passed)
        if isinstance(move, Answer):
            return await self._pass_on(http, passed, log, move, request)
        reply = script_of(move).reply(request)
        passed.given(reply)
        return await self._give(http, reply, request, log)

    def _request(self, passed: Passed) -> Request:
        return Request(
            attempt=max(1, passed.attempt),
            seed=f"{self._seed}/{self._chaos.drawn_as}",
            body=passed.asked,
            now=self._clock.wall(),
            dialect=passed.dialect,
        )

    async def _give(self, http: web.Request, reply: Reply, request: Request, log: Log) -> web.StreamResponse:
        """Answer with what is no answer of the server's."""
        if http.method == "HEAD":
            reply = replace(reply, head=replace(reply.head, framing=NoBody(reply.size())), body=(End(),))
        head, effects = render(reply, request)
        return await self._perform(http, reply, head, effects, log)

    async def _pass_on(
        self, http: web.Request, passed: Passed, log: Log, move: Answer, request: Request
    ) -> web.StreamResponse:
        try:
            answering = await self._upstream.ask(passed.method, passed.path, passed.headers, passed.body)
        except Unreachable as error:
            passed.ended = "unreachable"
            self._warn(str(error))
            return await self._give(http, bad_gateway(str(error), passed.dialect), request, log)
        except asyncio.CancelledError:
            log.left_alone()
            raise
        try:
            return await self._pass_back(http, passed, log, move, request, answering)
        finally:
            await answering.close()

    async def _pass_back(
        self, http: web.Request, passed: Passed, log: Log, move: Answer, request: Request, answering: Answering
    ) -> web.StreamResponse:
        """Perform the answer of the server, as it comes."""
        passed.status, passed.answered = answering.status, answering.headers
        is_events = is_stream(answering.headers)
        passed.faults = move.faults if is_events and answering.status == 200 else ()
        if move.faults and not passed.faults:
            self._warn(f"reply {passed.number} is no event stream, so no fault strikes it")
        headed = self._clock.now()

        async def read() -> bytes | Last:
            more = await answering.read()
            if not isinstance(more, bytes):
                passed.over(more)
            return more

        def note(piece: bytes) -> None:
            if self._keep is not None:
                passed.pieces.append((piece, self._clock.now() - headed))

        def made(body: Iterable[Effect]) -> Passing:
            length = declared(answering.headers) or 0
            return Passing(head=_head(answering, passed.method), body=body, faults=passed.faults, declared=length)

        flow = Flow(read, note, is_stream=is_events)
        try:
            head = flow.render(made, request)
            return await self._perform(http, made(()), head, flow, log)
        finally:
            flow.close()

    async def _perform(
        self, http: web.Request, reply: Reply, head: Head, effects: Iterable[Effect] | AsyncIterable[Effect], log: Log
    ) -> web.StreamResponse:
        log.replied(head, [fault.name for fault in reply.faults])
        how = await perform(effects, Connection(http), self._clock, log)
        return Written(keep_alive=how == "end" and http.keep_alive and not isinstance(head.framing, UntilClose))


def _head(answering: Answering, method: str) -> Head:
    """The head of the answer, without what belongs to the connection to the server."""
    framing = framing_of(answering.status, answering.headers, method=method)
    if isinstance(framing, Sized) and (declared(answering.headers) or 0) > _MOST_HELD:
        framing = Chunked()
    return Head(status=answering.status, headers=end_to_end(answering.headers, "content-length"), framing=framing)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
