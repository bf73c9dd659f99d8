"""Drives a :class:`~client_under_test.session.Session` over httpx and asyncio. Thin: every judgement is the session's.

The session's clock stands still while the caller holds an update, so a slow reader is never taken for a dead server,
and a reader that stops reading makes the socket stop too.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from random import Random
from typing import Any, Self, assert_never

import httpx

from client_under_test.answer import Answer
from client_under_test.dialects.anthropic import PATH, VERSION
from client_under_test.errors import (
    ConnectionFailed,
    ConnectionLost,
    NoResponse,
    ProtocolError,
    RequestNotSendable,
    StreamError,
)
from client_under_test.policy import Policy
from client_under_test.session import Session
from client_under_test.signals import (
    BodyEnded,
    BytesReceived,
    Deliver,
    Drop,
    Finish,
    HeadReceived,
    Input,
    Open,
    Started,
    TimerFired,
    TransportFailed,
    Update,
    WakeAt,
)

_DRAIN_SECONDS = 0.1
_READ_AHEAD_BYTES = 1 << 20
_LATE_LOOP_SECONDS = 0.005
"""When the timer fires the socket is looked at once more: an event loop that was late may have bytes waiting."""


class StreamClient:
    """A client for streamed answers that recovers, or says honestly that it could not.

    Args:
        api_key: sent as ``x-api-key``.
        base_url: the API, or anything that speaks it.
        policy: limits and retry rules.
        http: an httpx client to use instead of one of our own; it is not closed.
        chance: the source of jitter.
        clock: monotonic seconds; what :func:`time.monotonic` gives.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str = "https://api.anthropic.com",
        policy: Policy | None = None,
        http: httpx.AsyncClient | None = None,
        chance: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy or Policy()
        self._chance = chance or Random()
        self.clock = clock
        limits = self._policy.limits
        # Only connecting and writing are httpx's to time: whatever is read is judged by the session's deadlines.
        self._timeout = httpx.Timeout(None, connect=limits.connect, write=limits.first_byte)
        self._http = http or httpx.AsyncClient(verify=_tls(), cookies=_no_cookies())
        # What broke one attempt may sit in its connection, so a retry never takes one that was used before.
        none_kept = httpx.Limits(max_keepalive_connections=0)
        self._fresh = http or httpx.AsyncClient(verify=_tls(), cookies=_no_cookies(), limits=none_kept)
        self._owns_http = http is None
        self._url = base_url.rstrip("/") + PATH
        self._headers = {"x-api-key": api_key, "anthropic-version": VERSION, "accept-encoding": "identity"}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections of this client."""
        if self._owns_http:
            await self._http.aclose()
            await self._fresh.aclose()

    async def stream(self, request: Mapping[str, Any]) -> AsyncGenerator[Update | Answer, None]:
        """Ask, and yield what to show as it comes; the last thing yielded is the :class:`Answer`.

        Args:
            request: the JSON body of a Messages request (``model``, ``max_tokens``, ``messages``...).

        Raises:
            StreamError: when the answer is not whole and cannot be made whole. Its ``partial`` is what was shown.
        """
        async with aclosing(_Drive(self.session(request), self)) as drive:
            async for update in drive:
                if isinstance(update, Answer) and update.error is not None:
                    raise update.error
                yield update

    async def ask(self, request: Mapping[str, Any]) -> Answer:
        """Ask and wait for the end. Raises as :meth:`stream` does."""
        async with aclosing(self.stream(request)) as updates:
            async for update in updates:
                if isinstance(update, Answer):
                    return update
        raise RuntimeError("a session ended without an answer")

    def session(self, request: Mapping[str, Any]) -> Session:
        """The state machine that will make the call."""
        return Session(request, self._policy, self._chance)

    def connect(self, body: Mapping[str, Any], *, again: bool) -> AsyncGenerator[Input, None]:
        """One HTTP exchange as session inputs, ``again`` after a failed one; closing it ends the connection."""
        http = self._fresh if again else self._http
        return _exchange(http, self._url, self._headers, body, self._timeout)


class _Drive(AsyncIterator[Update | Answer]):
    """Carries out one session's actions and feeds it what happens."""

    def __init__(self, session: Session, client: StreamClient) -> None:
        self._session, self._client = session, client
        self._exchange: _Exchange | None = None
        self._wake: float | None = None
        self._held = 0.0
        """Seconds that the caller has held updates."""
        self._left: float | None = None
        self._actions: deque[Open | Drop | Deliver | Finish] = deque()
        self._over = False

    async def __anext__(self) -> Update | Answer:
        if self._left is not None:
            self._held += self._client.clock() - self._left
        elif not self._over:
            self._feed(Started())
        update = await self._next_update()
        self._left = self._client.clock()
        return update

    async def aclose(self) -> None:
        """Close the connection, if one is open."""
        if self._exchange is not None:
            await self._exchange.close()

    async def _next_update(self) -> Update | Answer:
        while not self._over:
            while self._actions:
                action = self._actions.popleft()
                match action:
                    case Deliver(update):
                        return update
                    case Open(body, again):
                        self._exchange = _Exchange(self._client.connect(body, again=again))
                    case Drop(spent):
                        await self._drop(spent)
                    case Finish(answer):
                        self._over = True
                        return answer
                    case _:
                        assert_never(action)
            self._feed(await self._next_input())
            if self._wake is not None and self._wake <= self._now():
                self._feed(TimerFired())  # a peer that never pauses must not keep the timer from firing
        raise StopAsyncIteration

    def _now(self) -> float:
        return self._client.clock() - self._held

    def _feed(self, happened: Input) -> None:
        for action in self._session.handle(happened, self._now()):
            if isinstance(action, WakeAt):
                self._wake = action.at
            else:
                self._actions.append(action)

    async def _next_input(self) -> Input:
        """Whatever comes first: something on the connection, or the timer."""
        timeout = None if self._wake is None else max(0.0, self._wake - self._now())
        if self._exchange is None:
            await asyncio.sleep(timeout or 0.0)
            return TimerFired()
        return await self._exchange.next(timeout) or await self._exchange.next(_LATE_LOOP_SECONDS) or TimerFired()

    async def _drop(self, spent: bool) -> None:
        if self._exchange is not None:
            await self._exchange.close(_DRAIN_SECONDS if spent else 0.0)
            self._exchange = None


class _Exchange:
    """One HTTP exchange, read ahead by a task of its own: what has arrived is handed over in one piece.

    At most :data:`_READ_AHEAD_BYTES` wait here; then the socket is not read any more, and the server feels it.
    """

    def __init__(self, inputs: AsyncGenerator[Input, None]) -> None:
        self._inputs = inputs
        self._arrived: deque[Input] = deque()
        self._size = 0
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(lambda _: self._news.set())

    async def next(self, timeout: float | None) -> Input | None:
        """What has happened, all bytes that are here as one; None when nothing does for ``timeout`` seconds."""
        if not self._arrived:
            self._news.clear()
            self._room.set()
            try:
                async with asyncio.timeout(timeout):
                    await self._news.wait()
            except TimeoutError:
                return None
        if not self._arrived:
            self._reader.result()
            raise RuntimeError("an exchange ended without saying how")
        return self._take()

    async def close(self, drain: float = 0.0) -> None:
        """Close the connection; for ``drain`` seconds at most its body is read first, so that it can be reused."""
        if drain:
            self._room.set()
            await asyncio.wait({self._reader}, timeout=drain)
        self._reader.cancel()
        await asyncio.wait({self._reader})
        if not self._reader.cancelled() and (fault := self._reader.exception()) is not None:
            raise fault

    def _take(self) -> Input:
        first = self._arrived.popleft()
        if not isinstance(first, BytesReceived):
            return first
        pieces = [first.data]
        while self._arrived and isinstance(more := self._arrived[0], BytesReceived):
            pieces.append(more.data)
            self._arrived.popleft()
        self._size = 0
        return BytesReceived(b"".join(pieces))

    async def _read(self) -> None:
        async with aclosing(self._inputs) as inputs:
            async for happened in inputs:
                self._arrived.append(happened)
                self._news.set()
                self._size += len(happened.data) if isinstance(happened, BytesReceived) else 0
                if self._size > _READ_AHEAD_BYTES:
                    self._room.clear()
                    await self._room.wait()


@cache
def _tls() -> ssl.SSLContext:
    """One for the process: loading the trusted certificates takes some 20 ms of the event loop each time."""
    return httpx.create_ssl_context()


def _no_cookies() -> CookieJar:
    """A jar that keeps nothing: what one response sets must not break the next request."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


async def _exchange(
    http: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: Mapping[str, Any], timeout: httpx.Timeout
) -> AsyncGenerator[Input, None]:
    answered = False
    try:
        async with http.stream("POST", url, json=body, headers=headers, timeout=timeout) as response:
            answered = True
            lower = {name.lower(): value for name, value in response.headers.items()}
            yield HeadReceived(response.status_code, lower, time.time())
            async for data in response.aiter_bytes():
                yield BytesReceived(data)
            yield BodyEnded()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError) as error:
        yield TransportFailed(_mapped(error, answered))


def _mapped(error: Exception, answered: bool) -> StreamError:
    """The one place where foreign exceptions become ours; the cause is kept."""
    text = f"{type(error).__name__}: {error}".rstrip(": ")
    ours: StreamError
    if not isinstance(error, httpx.HTTPError) or isinstance(
        error, httpx.LocalProtocolError | httpx.UnsupportedProtocol
    ):
        ours = RequestNotSendable(f"the request cannot be sent as it is ({text})")
    elif isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        ours = ConnectionFailed(f"no connection could be made ({text})")
    elif isinstance(error, httpx.DecodingError):
        ours = ProtocolError(f"the compressed body is broken ({text})")
    elif answered:
        ours = ConnectionLost(f"the connection broke in the middle of the response ({text})")
    else:
        ours = NoResponse(f"the connection broke before any response ({text})")
    ours.__cause__ = error
    return ours
