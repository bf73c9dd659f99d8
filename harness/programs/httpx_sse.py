# /// script
# dependencies = ["httpx-sse>=0.4.3,<0.5", "httpx>=0.28,<1"]
#
# [tool.streamproof]
# capabilities = ["outcomes", "reuse"]
# many = true
# ///
"""A loop over `httpx-sse`, as its README shows it."""

import json
import ssl

import httpx
from attached import done, serve, text
from httpx_sse import aconnect_sse

TLS = ssl.create_default_context()


def connect(job):
    limits = job["limits"]
    return httpx.AsyncClient(timeout=httpx.Timeout(limits["idle"], connect=limits["connect"]), verify=TLS)


async def call(client, job):
    stop_reason = None
    headers = {"x-api-key": job["api_key"], "anthropic-version": "2023-06-01"}
    body = {**job["request"], "stream": True}
    async with aconnect_sse(client, "POST", f"{job['base_url']}/v1/messages", json=body, headers=headers) as source:
        source.response.raise_for_status()
        async for event in source.aiter_sse():
            said = json.loads(event.data)
            if said["type"] == "content_block_delta" and said["delta"]["type"] == "text_delta":
                yield text(said["delta"]["text"])
            elif said["type"] == "message_delta":
                stop_reason = said["delta"]["stop_reason"]
            elif said["type"] == "error":
                raise RuntimeError(said["error"]["message"])
    yield done(stop_reason=stop_reason)


serve(call, connect, own=(httpx.HTTPError, RuntimeError))
