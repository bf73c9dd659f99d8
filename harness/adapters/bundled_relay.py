"""The bundled client behind its own relay: a real server streams its answers on, and its user reads them there.

Every fault of the catalogue strikes upstream; what is judged is what arrives downstream. The relay promises to say so
when the answer is not whole (``raise``): what it has sent it cannot take back.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from importlib.metadata import version
from typing import Any

import aiohttp
from aiohttp import web

from client_under_test.errors import StreamError
from client_under_test.sinks.relay import refusal, relay
from harness.adapters.bundled import client_of
from harness.model import Capability, ErrorSeen, Finished, Job, Observed, Outcome, Policy, Shown, ToolUse

_QUIET = logging.getLogger(__name__)
"""aiohttp logs what a handler raises; a relay raises whenever an answer is not whole."""
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False
_OUTCOMES = {
    "max_tokens": Outcome.TRUNCATED,
    "model_context_window_exceeded": Outcome.TRUNCATED,
    "refusal": Outcome.REFUSED,
    "pause_turn": Outcome.PAUSED,
}


class BundledRelayAdapter:
    """Runs ``relay(client.stream(request))`` in an aiohttp server, and reads it through an aiohttp client."""

    def __init__(self) -> None:
        self.name = "bundled_relay"
        self.version = version("streamproof")
        self.policy = Policy.RAISE
        self.at_once = 12  # a call has two servers and two clients on one loop, and must not wait for the others
        self.capabilities = frozenset(
            {Capability.RETRIES, Capability.FALLBACK, Capability.TOOLS, Capability.OUTCOMES, Capability.ALTERNATIVES}
        )

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Make the call; see :class:`harness.adapter.Adapter`."""
        reader = _Reader()
        async with _relayed(job) as url, aiohttp.ClientSession() as http:
            try:
                async with http.post(url, json=job.request) as response:
                    if response.status != 200:
                        yield _refused(await response.json())
                        return
                    async for data in response.content.iter_any():
                        for text in reader.take(data):
                            yield Shown(text=text)
            except aiohttp.ClientError as error:
                reader.broken = error
        yield reader.finished()


class _Reader:
    """What a reader downstream makes of the events: a relay writes one ASCII line of JSON for each."""

    def __init__(self) -> None:
        self.broken: Exception | None = None
        self._rest = b""
        self._text = ""
        self._inputs: dict[int, tuple[str, str]] = {}
        self._stop_reason: str | None = None
        self._stopped = False
        self._error: dict[str, Any] | None = None

    def take(self, data: bytes) -> list[str]:
        """The pieces of text in the next bytes."""
        *events, self._rest = (self._rest + data).split(b"\n\n")
        return [text for event in events if (text := self._event(json.loads(event.partition(b"data: ")[2])))]

    def _event(self, event: dict[str, Any]) -> str:
        match event:
            case {"type": "content_block_delta", "delta": {"type": "text_delta", "text": str(text)}}:
                self._text += text
                return text
            case {"type": "content_block_start", "index": index, "content_block": {"type": "tool_use", "name": name}}:
                self._inputs[index] = (name, "")
            case {"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta"} as delta}:
                name, raw = self._inputs[index]
                self._inputs[index] = (name, raw + delta["partial_json"])
            case {"type": "message_delta", "delta": {"stop_reason": reason}}:
                self._stop_reason = reason
            case {"type": "message_stop"}:
                self._stopped = True
            case {"type": "error", "error": error}:
                self._error = error
        return ""

    def finished(self) -> Finished:
        """How the call ended: an error event is an error, a broken end without one leaks, a clean end is a claim."""
        if self._error is not None:
            return _failed(self._error["type"], self._error["message"], self._text, typed=True)
        if self.broken is not None and not self._stopped:
            return _failed(type(self.broken).__name__, str(self.broken), self._text, typed=False)
        tools = tuple(ToolUse(name, json.loads(raw)) for name, raw in self._inputs.values())
        outcome = _OUTCOMES.get(self._stop_reason or "", Outcome.COMPLETE)
        return Finished(outcome=outcome, text=self._text, stop_reason=self._stop_reason, tools=tools)


def _refused(body: dict[str, Any]) -> Finished:
    return _failed(body["error"]["type"], body["error"]["message"], "", typed=True)


def _failed(name: str, message: str, text: str, *, typed: bool) -> Finished:
    error = ErrorSeen(name=name, message=message[:300], typed=typed, partial=text)
    return Finished(outcome=Outcome.INCOMPLETE if text else Outcome.FAILED, error=error)


@asynccontextmanager
async def _relayed(job: Job) -> AsyncIterator[str]:
    """A server that relays ``job``'s answers; gives its URL."""

    async def messages(http: web.Request) -> web.StreamResponse:
        request = await http.json()
        async with client_of(job) as client, aclosing(relay(client.stream(request))) as chunks:
            try:
                first = await anext(chunks)
            except StreamError as error:
                status, headers, body = refusal(error)
                return web.json_response(body, status=status, headers=headers)
            response = web.StreamResponse(headers={"content-type": "text/event-stream"})
            await response.prepare(http)
            await response.write(first)
            async for chunk in chunks:
                await response.write(chunk)
            return response

    app = web.Application(client_max_size=1 << 25)
    app.router.add_post("/v1/messages", messages)
    runner = web.AppRunner(app, access_log=None, logger=_QUIET, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1/messages"
    finally:
        await runner.cleanup()


ADAPTER = BundledRelayAdapter()
