"""What the programs in a browser share: one Chromium for all calls, and what is thrown in a page."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from functools import cache

from playwright.async_api import async_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


SHOW = r"""
{
  let [waiting, passed] = ["", Promise.resolve()];
  const pass = async (all) => {
    const end = waiting.length - (!all && /[\ud800-\udbff]$/.test(waiting) ? 1 : 0);
    const text = waiting.slice(0, end);
    waiting = waiting.slice(end);
    if (text) await shown(text);
  };
  globalThis.show = (text) => {
    waiting += text;
    passed = passed.then(pass);
  };
  globalThis.allShown = () => passed.then(() => pass(true));
}
"""
"""In the page ``show(text)`` adds to what its user sees.

What is added while the last piece is on its way goes together with the next one: so a page is no slower for being
watched. Half a surrogate pair waits for the other half: a page that has both shows one character.
"""


class Broken(Exception):
    """What was thrown in the page."""

    __module__ = "chromium"

    def __init__(self, thrown):
        super().__init__(f"{thrown['name']}: {thrown['message']}")
        self.status_code = thrown.get("status")


@cache
def started(*flags):
    """The one browser of all calls, which has these flags beside the usual ones; to be awaited."""

    async def start():
        playwright = await async_playwright().start()
        return await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*FLAGS, *flags])

    return asyncio.ensure_future(start())


class Page:
    """A page that tells what its user sees; it makes one call after the other."""

    def __init__(self):
        self._page, self._seen = None, asyncio.Queue()

    @classmethod
    async def opened(cls, context, url):
        """A new page in ``context``, with what is at ``url``."""
        page = cls()
        await context.expose_function("shown", page.shown)
        await context.add_init_script(SHOW)
        page._page = await context.new_page()
        await page._page.goto(url)
        return page

    async def call(self, function, job):
        """Run ``function`` in the page and yield the text that its user sees, and at last what it returns.

        It calls ``show(text)``, and sets ``globalThis.leave``, which is called when the user presses stop.

        Raises:
            Broken: it returns ``{failed: {name, message, status}}``.
        """
        self._seen = seen = asyncio.Queue()
        watched = f"async (job) => {{ const end = await ({function})(job); await allShown(); return end; }}"
        running = asyncio.ensure_future(self._page.evaluate(watched, job))
        running.add_done_callback(lambda _: seen.put_nowait(None))
        try:
            while (piece := await seen.get()) is not None:
                yield piece
            end = running.result()
        finally:
            if not running.done():
                running.cancel()
                await self._page.evaluate("globalThis.leave?.()")
        if failed := end.get("failed"):
            raise Broken(failed)
        yield end

    def shown(self, piece):
        """The user of the page sees ``piece``."""
        self._seen.put_nowait(piece)


@asynccontextmanager
async def page(browser, url="about:blank"):
    """A page that shares nothing with others, with what is at ``url``."""
    context = await browser.new_context()
    try:
        yield await Page.opened(context, url)
    finally:
        await context.close()
