# /// script
# dependencies = ["anthropic>=2.12,<3"]
#
# [tool.streamproof]
# policy = "raise"
# capabilities = ["retries", "tools", "usage", "error_kind", "outcomes", "reuse"]
# many = true
# ///
"""The official Python SDK without an event loop: `messages.stream`, its own retries and backoff."""

import ssl
from contextlib import asynccontextmanager

import anthropic
import httpx2
from attached import done, serve, text, threaded

TLS = ssl.create_default_context()


@asynccontextmanager
async def connect(job):
    limits = job["limits"]
    timeout = httpx2.Timeout(limits["idle"], connect=limits["connect"])
    http = anthropic.DefaultHttpxClient(verify=TLS)
    with anthropic.Anthropic(
        api_key=job["api_key"], base_url=job["base_url"], timeout=timeout, http_client=http
    ) as client:
        yield client


@threaded
def call(client, job):
    with client.messages.stream(**job["request"]) as stream:
        for piece in stream.text_stream:
            yield text(piece)
        message = stream.get_final_message()
    yield done(
        text="".join(block.text for block in message.content if block.type == "text"),
        stop_reason=message.stop_reason,
        tools=[{"name": block.name, "input": block.input} for block in message.content if block.type == "tool_use"],
        usage=message.usage.to_dict() if message.usage is not None else None,
    )


serve(call, connect, own=anthropic.AnthropicError)
