"""The official Python SDK, unchanged: ``messages.stream``, its own retries (two) and its own backoff.

Only its timeout is set, from the job's limits, because the default of 600 s cannot be waited for. A call that returns
normally is reported as what its ``stop_reason`` says, and as complete when that is None: the caller gets a message
and no exception.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from functools import cache
from typing import Any

import anthropic
import httpx2

from harness.model import Capability, ErrorSeen, Finished, Job, Observed, Outcome, Policy, Shown, ToolUse

_OUTCOMES = {
    "max_tokens": Outcome.TRUNCATED,
    "model_context_window_exceeded": Outcome.TRUNCATED,
    "refusal": Outcome.REFUSED,
    "pause_turn": Outcome.PAUSED,
}


class AnthropicAdapter:
    """Runs ``anthropic.AsyncAnthropic``."""

    name = "anthropic"
    version = anthropic.__version__
    policy = Policy.RAISE
    in_memory = True
    capabilities = frozenset(
        {
            Capability.RETRIES,
            Capability.TOOLS,
            Capability.USAGE,
            Capability.ERROR_KIND,
            Capability.OUTCOMES,
            Capability.REUSE,
        }
    )

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Make the call; see :class:`harness.adapter.Adapter`."""
        limits = job.limits
        timeout = httpx2.Timeout(limits.idle, connect=limits.connect)
        text = ""

        def make() -> anthropic.AsyncAnthropic:
            http = anthropic.DefaultAsyncHttpxClient(**_connections(job))
            return anthropic.AsyncAnthropic(
                api_key=job.api_key, base_url=job.base_url, timeout=timeout, http_client=http
            )

        async with job.client(make) as client:
            try:
                async with client.messages.stream(**job.request) as stream:
                    async for piece in stream.text_stream:
                        text += piece
                        yield Shown(text=piece)
                    message = await stream.get_final_message()
            except Exception as error:  # whatever its caller would get is what is being recorded
                yield _failed(error, text)
            else:
                yield _finished(message)


def _connections(job: Job) -> dict[str, Any]:
    if job.memory is None:
        return {"verify": _tls()}
    return {"transport": job.memory.transport(httpx2, anthropic.DEFAULT_CONNECTION_LIMITS), "verify": _tls()}


@cache
def _tls() -> ssl.SSLContext:
    """One for all cases: the SDK would load the trusted certificates anew for each, 20 ms of everybody's event loop."""
    return httpx2.create_ssl_context()


def _finished(message: anthropic.types.Message) -> Finished:
    stop_reason = message.stop_reason
    return Finished(
        outcome=_OUTCOMES.get(stop_reason or "", Outcome.COMPLETE),
        text="".join(block.text for block in message.content if block.type == "text"),
        stop_reason=stop_reason,
        tools=tuple(ToolUse(block.name, dict(block.input)) for block in message.content if block.type == "tool_use"),
        usage=message.usage.to_dict() if message.usage is not None else None,
    )


def _failed(error: Exception, text: str) -> Finished:
    status = getattr(error, "status_code", None)
    kind = getattr(error, "type", None)
    seen = ErrorSeen(
        name=f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}",
        message=str(error)[:300],
        typed=isinstance(error, anthropic.AnthropicError),
        status=status if isinstance(status, int) else None,
        kind=kind if isinstance(kind, str) else None,
        request_id=getattr(error, "request_id", None),
        sent=_sent(error),
    )
    return Finished(outcome=Outcome.INCOMPLETE if text else Outcome.FAILED, error=seen)


def _sent(error: Exception) -> bool | None:
    """What the error's cause tells about sending; a connection error without a cause tells nothing."""
    if isinstance(error, anthropic.APIConnectionError):
        cause = error.__cause__
        if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
            return False
        return None if cause is None else True
    return None


ADAPTER = AnthropicAdapter()
