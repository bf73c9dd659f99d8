"""What all receivers share: a log of calls, a plan of faults, and a server on the loopback interface.

A receiver is called by :meth:`Receiver.call`, in simulated time if one likes; the server does no more than that.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import Any, Self, assert_never

from aiohttp import web

from fake_server.clock import Clock, SystemClock
from fake_server.perform import reset_transport
from fake_server.receivers.plan import Call, Cut, Fails, Fault, Hangs, Limited, Plan, Reply, Says

LOOPBACK = "127.0.0.1"


class Receiver(ABC):
    """Takes calls, and answers them as its plan says or as it would by itself.

    Attributes:
        calls: every call, in order.
        port: where it listens, once it does.
    """

    def __init__(self, plan: Plan | None = None, clock: Clock | None = None) -> None:
        self.calls: list[Call] = []
        self.port = 0
        self._plan, self._clock = plan or Plan(), clock or SystemClock()
        self._counts: Counter[str] = Counter()
        self._penalties: dict[str, float] = {}
        self._runner: web.AppRunner | None = None

    @abstractmethod
    def answer(self, method: str, payload: Mapping[str, Any]) -> Reply:
        """What it does and says by itself."""

    def refused(self, method: str, payload: Mapping[str, Any], error: str) -> None:  # noqa: B027 - not all need it
        """Make true what a planned refusal says."""

    @abstractmethod
    async def read(self, http: web.Request) -> tuple[str, dict[str, Any]]:
        """Method and payload of a request."""

    def call(self, method: str, payload: Mapping[str, Any]) -> Reply:
        """Take a call and record it."""
        self._counts[method] += 1
        number, now = len(self.calls) + 1, self._clock.now()
        fault = self._plan.fault(number, method, self._counts[method])
        left = self._penalties.get(method, -math.inf) - now
        reply = self._limited(method, left) if left > 0 else self._reply(method, payload, fault)
        self.calls.append(
            Call(number=number, method=method, payload=payload, at=now, reply=reply, in_penalty=left > 0, fault=fault)
        )
        return reply

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("POST", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _reply(self, method: str, payload: Mapping[str, Any], fault: Fault | None) -> Reply:
        match fault:
            case None:
                return self.answer(method, payload)
            case Limited(retry_after=seconds):
                return self._limited(method, seconds)
            case Says(error=error):
                self.refused(method, payload, error)
                return Reply(body={"ok": False, "error": error})
        if fault.applied:
            self.answer(method, payload)
        match fault:
            case Fails(status=status):
                return Reply(status=status, body="<html>upstream error</html>")
            case Cut():
                return Reply(cut=True)
            case Hangs():
                return Reply(hang=True)
            case _:
                assert_never(fault)

    def _limited(self, method: str, seconds: float) -> Reply:
        self._penalties[method] = max(self._penalties.get(method, -math.inf), self._clock.now() + seconds)
        headers = {"retry-after": str(math.ceil(seconds))}
        return Reply(status=429, headers=headers, body={"ok": False, "error": "ratelimited"})

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        reply = self.call(*await self.read(http))
        if reply.hang:
            await asyncio.get_running_loop().create_future()
        if reply.cut and http.transport is not None:
            reset_transport(http.transport)
        if isinstance(reply.body, str):
            return web.Response(status=reply.status, headers=reply.headers, text=reply.body, content_type="text/html")
        return web.json_response(dict(reply.body), status=reply.status, headers=reply.headers)
