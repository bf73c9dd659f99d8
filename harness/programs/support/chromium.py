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


class Broken(Exception):
    """What was thrown in the page."""

    __module__ = "chromium"

    def __init__(self, thrown):
        super().__init__(f"{thrown['name']}: {thrown['message']}")
        self.status_code = thrown.get("status")


@cache
def _started(flags):
    async def start():
        playwright = await async_playwright().start()
        return await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*FLAGS, *flags])

    return asyncio.ensure_future(start())


class Page:
    """A page that tells what its user sees; it makes one call after the other."""

    def __init__(self, page):
        self._page, self._seen = page, asyncio.Queue()
        self.goto = page.goto

    async def call(self, function, job):
        """Run ``function`` in the page and yield the text that its user sees, and at last what it returns.

        It calls ``shown(text)``, and sets ``globalThis.leave``, which is called when the user presses stop.

        Raises:
            Broken: it returns ``{failed: {name, message, status}}``.
        """
        self._seen = seen = asyncio.Queue()
        running = asyncio.ensure_future(self._page.evaluate(function, job))
        running.add_done_callback(lambda _: seen.put_nowait(None))
        try:
            while (piece := await seen.get()) is not None:
                yield piece
            end = running.result()
        finally:
            if not running.done():
                running.cancel()
                await self._page.evaluate("leave()")
        if failed := end.get("failed"):
            raise Broken(failed)
        yield end

    def shown(self, piece):
        """The user of the page sees ``piece``."""
        self._seen.put_nowait(piece)


@asynccontextmanager
async def page(*flags):
    """A page that shares nothing with others, in the one browser of all calls, which has these flags besides."""
    context = await (await _started(flags)).new_context()
    try:
        made = Page(await context.new_page())
        await context.expose_function("shown", made.shown)
        yield made
    finally:
        await context.close()
