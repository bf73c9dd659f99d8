"""Drives a :class:`~client_under_test.session.Session` over httpx and asyncio. Thin: every judgement is the session's.

The session's clock stands still while the caller holds an update, so a slow reader is never taken for a dead server,
and a reader that stops reading makes the socket stop too.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from random import Random
from typing import Any, Self, assert_never

import httpx

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
from client_under_test.session import (
    Action,
    Answer,
    BodyEnded,
    BytesReceived,
    Deliver,
    Drop,
    Finish,
    HeadReceived,
    Input,
    Open,
    Session,
    Started,
    TimerFired,
    TransportFailed,
    Update,
    WakeAt,
)

_DRAIN_SECONDS = 0.1
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
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str = "https://api.anthropic.com",
        policy: Policy | None = None,
        http: httpx.AsyncClient | None = None,
        chance: Random | None = None,
    ) -> None:
        self._policy = policy or Policy()
        self._chance = chance or Random()
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
        session = Session(request, self._policy, self._chance)
        async with aclosing(_Drive(session, self)) as drive:
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

    def connect(self, body: Mapping[str, Any], *, again: bool) -> AsyncGenerator[Input, None]:
        """One HTTP exchange as session inputs, ``again`` after a failed one; closing it ends the connection."""
        http = self._fresh if again else self._http
        return _exchange(http, self._url, self._headers, body, self._timeout)


class _Drive(AsyncIterator[Update | Answer]):
    """Carries out one session's actions and feeds it what happens."""

    def __init__(self, session: Session, client: StreamClient) -> None:
        self._session, self._client = session, client
        self._exchange: AsyncGenerator[Input, None] | None = None
        self._pending: asyncio.Task[Input | None] | None = None
        self._wake: float | None = None
        self._held = 0.0
        """Seconds that the caller has held updates."""
        self._left = 0.0
        self._actions: deque[Action] = deque()
        self._over = False

    async def __anext__(self) -> Update | Answer:
        if self._left:
            self._held += time.monotonic() - self._left
        elif not self._over:
            self._feed(Started())
        update = await self._next_update()
        self._left = time.monotonic()
        return update

    async def aclose(self) -> None:
        """Close the connection, if one is open."""
        await self._close()

    async def _next_update(self) -> Update | Answer:
        while not self._over:
            while self._actions:
                action = self._actions.popleft()
                match action:
                    case Deliver(update):
                        return update
                    case Open(body, again):
                        self._exchange = self._client.connect(body, again=again)
                    case Drop(spent):
                        await self._drop(spent)
                    case WakeAt(at):
                        self._wake = at
                    case Finish(answer):
                        self._over = True
                        return answer
                    case _:
                        assert_never(action)
            happened = await self._next_input()
            self._feed(happened)
            if not isinstance(happened, TimerFired):
                self._feed(TimerFired())  # a peer that never pauses must not keep the timer from firing
        raise StopAsyncIteration

    def _now(self) -> float:
        return time.monotonic() - self._held

    def _feed(self, happened: Input) -> None:
        self._actions.extend(self._session.handle(happened, self._now()))

    async def _next_input(self) -> Input:
        """Whatever comes first: something on the connection, or the timer."""
        timeout = None if self._wake is None else max(0.0, self._wake - self._now())
        if self._exchange is None:
            await asyncio.sleep(timeout or 0.0)
            return TimerFired()
        if self._pending is None:
            self._pending = asyncio.ensure_future(anext(self._exchange, None))
        for patience in (timeout, _LATE_LOOP_SECONDS):
            done, _ = await asyncio.wait({self._pending}, timeout=patience)
            if done:
                happened, self._pending = self._pending.result(), None
                if happened is None:
                    raise RuntimeError("an exchange ended without saying how")
                return happened
        return TimerFired()

    async def _drop(self, spent: bool) -> None:
        if spent and self._exchange is not None and self._pending is None:
            try:
                async with asyncio.timeout(_DRAIN_SECONDS):
                    async for _ in self._exchange:
                        pass
            except TimeoutError:
                pass
        await self._close()

    async def _close(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            await asyncio.wait({self._pending})
            self._pending = None
        if self._exchange is not None:
            await self._exchange.aclose()
            self._exchange = None


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
