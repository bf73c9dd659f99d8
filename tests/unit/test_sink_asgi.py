"""The relay as an ASGI application: statuses while it can, a cut when it must, and no call for those who left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest
from sinking import Step, at_once, done, played

from client_under_test.errors import ConnectionLost, RateLimited
from client_under_test.events import Event, Text
from client_under_test.sinks.asgi import RelayApp

REQUEST = {"model": "m", "max_tokens": 1, "messages": []}
LEFT = {"type": "http.disconnect"}


class Asking:
    """A client that is answered ``steps``."""

    def __init__(self, steps: list[Step]) -> None:
        self._steps = steps
        self.asked: list[Mapping[str, Any]] = []
        self.ended_at: float | None = None

    def stream(self, request: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
        self.asked.append(request)
        return self._events()

    async def _events(self) -> AsyncGenerator[Event, None]:
        try:
            async for event in played(self._steps):
                yield event
        finally:
            self.ended_at = asyncio.get_running_loop().time()


class Exchange:
    """What an application said to a request that came in ``pieces``; its reader left ``leaves`` seconds later."""

    def __init__(self, client: Asking, *pieces: bytes, leaves: float | None = None, hold: bool = False) -> None:
        self.sent: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self._coming = [{"type": "http.request", "body": one, "more_body": True} for one in pieces]
        self._coming[-1]["more_body"] = False
        self._leaves = leaves
        app = RelayApp(client, hold=hold)  # type: ignore[arg-type]
        at_once(self._run(app))

    async def _run(self, app: RelayApp) -> None:
        try:
            await app({"type": "http"}, self._receive, self._send)
        except Exception as error:
            self.error = error

    async def _receive(self) -> dict[str, Any]:
        if self._coming:
            return self._coming.pop(0)
        await asyncio.sleep(1e9 if self._leaves is None else self._leaves)
        return LEFT

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(one["body"] for one in self.sent[1:])

    @property
    def is_ended(self) -> bool:
        return self.sent[-1] == {"type": "http.response.body", "body": self.sent[-1].get("body"), "more_body": False}


def test_a_whole_answer_is_a_stream_that_ends() -> None:
    client = Asking([Text("Hel"), 1.0, Text("lo"), done("Hello")])
    exchange = Exchange(client, *(bytes([one]) for one in json.dumps(REQUEST).encode()))
    assert client.asked == [REQUEST]
    assert (exchange.status, exchange.is_ended, exchange.error) == (200, True, None)
    assert exchange.body.endswith(b'event: message_stop\ndata: {"type": "message_stop"}\n\n')


def test_a_failure_before_anything_was_sent_is_a_status() -> None:
    exchange = Exchange(Asking([RateLimited("slow down", status=429, retry_after=7.0)]), json.dumps(REQUEST).encode())
    assert (exchange.status, exchange.is_ended) == (429, True)
    assert (b"retry-after", b"7") in exchange.sent[0]["headers"]
    assert json.loads(exchange.body)["error"]["type"] == "rate_limit_error"


def test_a_later_failure_is_said_and_raised_so_that_the_connection_is_cut() -> None:
    exchange = Exchange(Asking([Text("Hel"), ConnectionLost("gone")]), json.dumps(REQUEST).encode())
    assert isinstance(exchange.error, ConnectionLost)
    assert not exchange.is_ended
    assert b"event: error" in exchange.sent[-1]["body"]


def test_who_leaves_ends_the_call_that_was_made_for_him() -> None:
    client = Asking([Text("Hel"), 60.0, done("Hello")])
    Exchange(client, json.dumps(REQUEST).encode(), leaves=5.0)
    assert client.ended_at == 5.0


def test_held_text_is_sent_at_the_end() -> None:
    exchange = Exchange(Asking([Text("Hello"), 1.0, ConnectionLost("gone")]), json.dumps(REQUEST).encode(), hold=True)
    assert exchange.status == 500
    assert b"Hello" not in exchange.body


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_request_is_refused_and_asked_of_nobody(body: bytes) -> None:
    client = Asking([])
    exchange = Exchange(client, body)
    assert (exchange.status, client.asked) == (400, [])
    assert "the request must be a JSON object" in json.loads(exchange.body)["error"]["message"]


def test_a_request_that_is_too_large_is_refused_before_all_of_it_came() -> None:
    client, piece = Asking([]), b"x" * 2**24
    exchange = Exchange(client, piece, piece, b"y", b"z")
    assert (exchange.status, client.asked) == (413, [])
    assert [one["body"] for one in exchange._coming] == [b"z"]


def test_who_leaves_before_the_request_is_whole_is_told_nothing() -> None:
    client = Asking([])
    exchange = Exchange.__new__(Exchange)
    exchange.sent, exchange.error, exchange._coming, exchange._leaves = [], None, [], 0.0
    at_once(exchange._run(RelayApp(client)))  # type: ignore[arg-type]
    assert (exchange.sent, exchange.error, client.asked) == ([], None, [])


def test_what_is_not_http_is_not_spoken() -> None:
    async def nothing(*_: Any) -> Any:
        raise AssertionError

    with pytest.raises(NotImplementedError, match="websocket"):
        at_once(RelayApp(Asking([]))({"type": "websocket"}, nothing, nothing))  # type: ignore[arg-type]
