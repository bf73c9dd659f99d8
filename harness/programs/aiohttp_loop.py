# /// script
# dependencies = ["aiohttp>=3.14,<4"]
#
# [tool.streamproof]
# capabilities = ["outcomes", "reuse"]
# many = true
# ///
"""A loop over the lines of `aiohttp`'s body, as it is mostly written."""

import json

import aiohttp
from attached import done, serve, text


def connect(job):
    limits = job["limits"]
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=limits["connect"], sock_read=limits["idle"])
    return aiohttp.ClientSession(timeout=timeout)


async def call(client, job):
    stop_reason = None
    headers = {"x-api-key": job["api_key"], "anthropic-version": "2023-06-01"}
    body = {**job["request"], "stream": True}
    async with client.post(f"{job['base_url']}/v1/messages", json=body, headers=headers) as response:
        response.raise_for_status()
        async for line in response.content:
            if not line.startswith(b"data: "):
                continue
            said = json.loads(line.removeprefix(b"data: "))
            if said["type"] == "content_block_delta" and said["delta"]["type"] == "text_delta":
                yield text(said["delta"]["text"])
            elif said["type"] == "message_delta":
                stop_reason = said["delta"]["stop_reason"]
            elif said["type"] == "error":
                raise RuntimeError(said["error"]["message"])
    yield done(stop_reason=stop_reason)


serve(call, connect, own=(aiohttp.ClientError, RuntimeError))
