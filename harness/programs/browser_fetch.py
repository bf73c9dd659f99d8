# /// script
# dependencies = ["playwright>=1.50,<2"]
#
# [tool.streamproof]
# needs = ["chromium"]
# capabilities = ["outcomes", "reuse"]
# at_once = 6
# many = true
# ///
"""`fetch` in a page of a real Chromium, in the loop that everybody writes."""

import asyncio
import shutil
from contextlib import asynccontextmanager
from functools import cache

from attached import done, serve, text
from playwright.async_api import Error, async_playwright

PAGE = """
async (job) => {
  try {
    const response = await fetch(`${job.base_url}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": job.api_key, "anthropic-version": "2023-06-01", "content-type": "application/json" },
      body: JSON.stringify({ ...job.request, stream: true }),
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
        if (said.type === "content_block_delta") await shown(said.delta.text ?? "");
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


class Broken(Exception):
    """What was thrown in the page."""

    __module__ = "chromium"


@cache
def browser():
    """The one browser of all calls, without the rule that a page asks its own server only."""

    async def start():
        playwright = await async_playwright().start()
        flags = ["--no-sandbox", "--disable-web-security", "--disable-gpu"]
        return await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)

    return asyncio.ensure_future(start())


@asynccontextmanager
async def connect(job):
    context = await (await browser()).new_context()
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def call(page, job):
    seen = asyncio.Queue()
    await page.expose_function("shown", seen.put_nowait)
    running = asyncio.ensure_future(page.evaluate(PAGE, job))
    running.add_done_callback(lambda _: seen.put_nowait(None))
    try:
        while (piece := await seen.get()) is not None:
            yield text(piece)
        end = running.result()
    finally:
        running.cancel()
    if failed := end.get("failed"):
        broken = Broken(f"{failed['name']}: {failed['message']}")
        broken.status_code = failed["status"]
        raise broken
    yield done(**end)


serve(call, connect, own=(Broken, Error))
