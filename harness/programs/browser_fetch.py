# /// script
# dependencies = ["playwright>=1.50,<2"]
#
# [tool.streamproof]
# needs = ["chromium"]
# capabilities = ["outcomes", "reuse"]
# at_once = 3
# many = true
# ///
"""`fetch` in a page of a real Chromium, in the loop that everybody writes."""

from contextlib import asynccontextmanager

from attached import done, serve, text
from chromium import Broken, page, started
from playwright.async_api import Error

PAGE = """
async (job) => {
  const abort = new AbortController();
  globalThis.leave = () => abort.abort();
  try {
    const response = await fetch(`${job.base_url}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": job.api_key, "anthropic-version": "2023-06-01", "content-type": "application/json" },
      body: JSON.stringify({ ...job.request, stream: true }),
      signal: abort.signal,
    });
    if (!response.ok) throw Object.assign(new Error(`HTTP ${response.status}`), { status: response.status });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let [buffer, stop_reason] = ["", null];
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const lines = (buffer + read.value).split("\\n");
      buffer = lines.pop();
      for (const line of lines) {
        if (!line.startsWith("data: ")) continue;
        const said = JSON.parse(line.slice("data: ".length));
        if (said.type === "content_block_delta") show(said.delta.text ?? "");
        if (said.type === "message_delta") stop_reason = said.delta.stop_reason;
        if (said.type === "error") throw new Error(said.error.message);
      }
    }
    return { stop_reason };
  } catch (error) {
    return { failed: { name: error.name, message: error.message, status: error.status ?? null } };
  }
}
"""


async def start():
    return await started("--disable-web-security")  # the rule that a page asks its own server only


@asynccontextmanager
async def connect(job):
    async with page(await start()) as client:
        yield client


async def call(client, job):
    async for seen in client.call(PAGE, job):
        yield done(**seen) if isinstance(seen, dict) else text(seen)


serve(call, connect, own=(Broken, Error), start=start)
