# /// script
# dependencies = ["anthropic>=2.12,<3"]
#
# [tool.streamproof]
# policy = "raise"
# capabilities = ["retries", "error_kind", "outcomes", "reuse"]
# many = true
# ///
"""The official Python SDK's raw events: `messages.create(stream=True)`, in the loop that its README shows."""

import ssl

import anthropic
import httpx2
from attached import done, serve, text

TLS = ssl.create_default_context()


def connect(job):
    limits = job["limits"]
    timeout = httpx2.Timeout(limits["idle"], connect=limits["connect"])
    http = anthropic.DefaultAsyncHttpxClient(verify=TLS)
    return anthropic.AsyncAnthropic(api_key=job["api_key"], base_url=job["base_url"], timeout=timeout, http_client=http)


async def call(client, job):
    stop_reason = None
    stream = await client.messages.create(**job["request"], stream=True)
    async for event in stream:
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            yield text(event.delta.text)
        elif event.type == "message_delta":
            stop_reason = event.delta.stop_reason
    yield done(stop_reason=stop_reason)


serve(call, connect, own=anthropic.AnthropicError)
