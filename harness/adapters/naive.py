"""The loop that everybody writes first, as countless blog posts show it.

Text lines, the prefix ``data: ``, bad JSON skipped, the end of the body taken for the end of the answer, each chunk
decoded by itself. It is here to show what the scenarios are for; please do not copy it.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator
from functools import cache
from typing import cast

import httpx

from harness.model import Capability, ErrorSeen, Finished, Job, Observed, Outcome, Policy, Shown


class NaiveAdapter:
    """Runs the hand-made loop."""

    name = "naive"
    version = "1"
    policy = Policy.BEST_EFFORT
    in_memory = True
    capabilities = frozenset({Capability.REUSE})

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Make the call; see :class:`harness.adapter.Adapter`."""
        text = ""
        try:
            async for piece in _ask(job):
                text += piece
                yield Shown(text=piece)
        except httpx.HTTPError as error:
            yield _failed(error, text)
        except Exception as error:  # a crash of the loop is what its user would see
            yield _failed(error, text)
        else:
            yield Finished(outcome=Outcome.COMPLETE)


async def _ask(job: Job) -> AsyncGenerator[str, None]:
    headers = {"x-api-key": job.api_key, "anthropic-version": "2023-06-01"}
    body = {**job.request, "stream": True}
    async with (
        job.client(lambda: httpx.AsyncClient(timeout=None, verify=_tls(), transport=_transport(job))) as client,
        client.stream("POST", f"{job.base_url}/v1/messages", json=body, headers=headers) as response,
    ):
        response.raise_for_status()
        buffer = ""
        async for chunk in response.aiter_bytes():
            buffer += chunk.decode("utf-8", errors="replace")
            lines = buffer.splitlines(keepends=True)
            buffer = lines.pop() if lines and not lines[-1].endswith("\n") else ""
            for line in lines:
                if not line.startswith("data: "):
                    continue
                try:
                    event = json.loads(line[len("data: ") :])
                except json.JSONDecodeError:
                    continue
                if event.get("type") == "content_block_delta":
                    yield event["delta"].get("text", "")


def _transport(job: Job) -> httpx.AsyncBaseTransport | None:
    return None if job.memory is None else cast(httpx.AsyncBaseTransport, job.memory.transport(httpx))


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _failed(error: Exception, text: str) -> Finished:
    response = getattr(error, "response", None)
    seen = ErrorSeen(
        name=f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}",
        message=str(error)[:300],
        typed=isinstance(error, httpx.HTTPError),
        status=response.status_code if response is not None else None,
        sent=False if isinstance(error, httpx.ConnectError) else None,
    )
    return Finished(outcome=Outcome.INCOMPLETE if text else Outcome.FAILED, error=seen)


ADAPTER = NaiveAdapter()
