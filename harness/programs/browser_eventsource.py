# /// script
# dependencies = ["playwright>=1.50,<2", "aiohttp>=3.12,<4", "httpx>=0.28,<1"]
#
# [tool.streamproof]
# needs = ["chromium"]
# capabilities = ["outcomes", "reuse"]
# at_once = 3
# many = true
# ///
"""`EventSource` in a page of a real Chromium, behind the relay that it needs.

An EventSource can only GET, and has neither a body nor headers of its own; the API takes nothing but POST. So people
put a small server of theirs between: it asks the API and passes on what comes. Here it is as simple as can be and
decides nothing: no timeout, no retry, no look at what it passes on. What breaks above it breaks below it.
"""

from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from aiohttp import web
from attached import done, serve, text
from chromium import Broken, page, started
from playwright.async_api import Error

PAGE = """
(job) => new Promise((resolve) => {
  const source = new EventSource("/stream");
  let stop_reason = null;
  const end = (how) => {
    source.close();
    resolve(how);
  };
  const fail = (name, message) => end({ failed: { name, message } });
  globalThis.leave = () => source.close();
  source.addEventListener("content_block_delta", (event) => {
    show(JSON.parse(event.data).delta.text ?? "");
  });
  source.addEventListener("message_delta", (event) => {
    stop_reason = JSON.parse(event.data).delta.stop_reason;
  });
  source.addEventListener("message_stop", () => end({ stop_reason }));
  source.addEventListener("error", (event) => {
    if (event.data) fail("error", JSON.parse(event.data).error.message); // the API's own event of that name
    else if (source.readyState === EventSource.CLOSED) fail("EventSource", "the connection is closed for good");
    // otherwise the browser connects again by itself
  });
})
"""


class Relay:
    """The application's server: a page, and `GET /stream`, which asks the API and passes its answer on.

    An answer that breaks off raises here, and then aiohttp closes the connection without the end of the body.
    """

    def __init__(self, http):
        self.job, self._http = None, http

    async def home(self, _):
        return web.Response(text="<!doctype html><title>chat</title>", content_type="text/html")

    async def stream(self, asked):
        request = self._http.stream(
            "POST",
            f"{self.job['base_url']}/v1/messages",
            headers={"x-api-key": self.job["api_key"], "anthropic-version": "2023-06-01"},
            json={**self.job["request"], "stream": True},
        )
        async with AsyncExitStack() as stack:
            try:
                answer = await stack.enter_async_context(request)
            except httpx.HTTPError as error:
                raise web.HTTPBadGateway(text=str(error)) from error
            kind = {name: value for name, value in answer.headers.items() if name == "content-type"}
            response = web.StreamResponse(status=answer.status_code, headers={**kind, "cache-control": "no-store"})
            await response.prepare(asked)
            async for data in answer.aiter_bytes():
                await response.write(data)
            return response


@asynccontextmanager
async def relayed():
    """A relay that runs, and its URL."""
    async with httpx.AsyncClient(timeout=None) as http:  # noqa: S113
        relay, app = Relay(http), web.Application()
        app.add_routes([web.get("/", relay.home), web.get("/stream", relay.stream)])
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield relay, f"http://127.0.0.1:{runner.addresses[0][1]}/"
        finally:
            await runner.cleanup()


class Application:
    """The page and its server."""

    def __init__(self, page, relay):
        self.page, self.relay = page, relay


@asynccontextmanager
async def connect(job):
    async with relayed() as (relay, url), page(await started(), url) as shown:
        yield Application(shown, relay)


async def call(client, job):
    client.relay.job = job
    async for seen in client.page.call(PAGE, None):
        yield done(**seen) if isinstance(seen, dict) else text(seen)


serve(call, connect, own=(Broken, Error), start=started)
