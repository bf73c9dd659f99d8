"""Runs sinks in virtual time: the event loop jumps to whatever is due next, so an hour costs nothing."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import Any, TypeVar

import aiohttp
import httpx
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from client_under_test.answer import Answer, Outcome
from client_under_test.errors import StreamError
from client_under_test.events import Done, Event, Sentence, Text
from client_under_test.sinks.pace import Pace
from client_under_test.sinks.sink import Sink
from fake_server.receivers.plan import Reply
from fake_server.receivers.receiver import Receiver
from fake_server.receivers.slack import FakeSlack

T = TypeVar("T")
Step = Event | float | StreamError
"""What happens next on a stream: an event, so many seconds without one, or its failure."""

HUNG_SECONDS = 30.0
"""After this a client gives a call up that is never answered."""


class _Jump(selectors.DefaultSelector):
    """Waits for nothing: moves the loop's clock instead."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everything waits and nothing will ever come")
        if not ready:
            self.loop.now += timeout or 0.0
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 0.0
        selector = _Jump()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


class LoopClock:
    """The clock of the running loop."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return 1_800_000_000 + self.now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


CLOCK = LoopClock()


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of ``coroutine``, in virtual time from 0 on."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


def pace(every: float = 1.2) -> Pace:
    return Pace(every, clock=CLOCK.now)


class DirectSlack(AsyncWebClient):
    """slack_sdk's client, put through to a fake workspace without a socket."""

    def __init__(self, fake: FakeSlack, latency: float = 0.0) -> None:
        super().__init__(token="xoxb-1", retry_handlers=[])
        self._fake, self._latency = fake, latency

    async def api_call(self, api_method: str, *, json: Any = None, params: Any = None, **more: Any) -> Any:
        await asyncio.sleep(self._latency)
        reply = self._fake.call(api_method, json or params or {})
        await failed(reply, aiohttp.ServerDisconnectedError)
        data = reply.body if isinstance(reply.body, dict) else {}
        return AsyncSlackResponse(
            client=self,
            http_verb="POST",
            api_url=api_method,
            req_args={},
            data=data,
            headers=dict(reply.headers),
            status_code=reply.status,
        ).validate()


async def failed(reply: Reply, cut: Callable[[], Exception]) -> None:
    if reply.cut:
        raise cut()
    if reply.hang:
        await asyncio.sleep(HUNG_SECONDS)
        raise TimeoutError


def direct_http(fake: Receiver, read: Callable[[httpx.Request], tuple[str, dict[str, Any]]]) -> httpx.AsyncClient:
    """An httpx client that is put through to ``fake``."""

    async def handle(request: httpx.Request) -> httpx.Response:
        reply = fake.call(*read(request))
        try:
            await failed(reply, lambda: httpx.ReadError("reset"))
        except TimeoutError:
            raise httpx.ReadTimeout("hung") from None
        if isinstance(reply.body, str):
            return httpx.Response(reply.status, headers=dict(reply.headers), text=reply.body)
        return httpx.Response(reply.status, headers=dict(reply.headers), json=dict(reply.body))

    return httpx.AsyncClient(transport=httpx.MockTransport(handle))


async def played(steps: Iterable[Step]) -> AsyncGenerator[Event, None]:
    """A stream of events."""
    for step in steps:
        if isinstance(step, StreamError):
            raise step
        if isinstance(step, float | int):
            await asyncio.sleep(step)
        else:
            yield step


def done(text: str, **more: Any) -> Done:
    fields = {"outcome": Outcome.COMPLETE, "stop_reason": "end_turn", **more}
    return Done(Answer(text=text, **fields))


def spoken(*texts: str, gap: float = 0.5) -> list[Step]:
    """An answer that comes in these pieces, each a sentence, and is complete."""
    steps: list[Step] = []
    for text in texts:
        steps += [Text(text), Sentence(text), gap]
    return [*steps, done("".join(texts))]


async def into(sink: Sink, steps: Iterable[Step]) -> Answer:
    """Deliver ``steps`` to ``sink`` alone."""
    from client_under_test.sinks import deliver

    return await deliver(played(steps), sink)
