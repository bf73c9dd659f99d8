"""One Chromium for the tests of a module, and pages that tell what they complained of and asked for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PICTURES = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 300_000
"""Of a picture."""
WIDE, NARROW = {"width": 1440, "height": 1000}, {"width": 400, "height": 800}


@contextmanager
def launched() -> Iterator[Browser]:
    """The browser that is installed; without one every test that wants it is skipped, and says so."""
    if EXECUTABLE is None:
        pytest.skip("NOT RUN: no Chromium on this machine (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page, and what happened while it was open."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    """What the console says is wrong, and what was thrown."""
    requests: list[str] = field(default_factory=list)
    """Addresses that it asked for, its own left out."""
    dialogs: list[str] = field(default_factory=list)


@contextmanager
def visited(browser: Browser, file: Path, fragment: str = "", **context: Any) -> Iterator[Visit]:
    """The file as a page in a context of its own."""
    opened = browser.new_context(**{"viewport": WIDE, **context})
    visit = Visit(opened.new_page())
    page, own = visit.page, file.as_uri()
    page.set_default_timeout(15_000)
    page.on("console", lambda one: visit.complaints.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda one: visit.complaints.append(str(one)))
    page.on("request", lambda one: visit.requests.append(one.url) if one.url.partition("#")[0] != own else None)
    page.on("dialog", lambda one: (visit.dialogs.append(one.message), one.dismiss()))
    page.goto(own + fragment)
    try:
        yield visit
    finally:
        opened.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong, each with the first elements that it is about."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}" for one in found]


def pictured(page: Page, name: str, most: int = 2000) -> None:
    """Take a picture of the page, at most ``most`` pixels from its top.

    With ``STREAMPROOF_PICTURES=1`` in the environment it becomes that of the docs.
    """
    page.evaluate("document.activeElement.blur()")
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    height = min(most, page.evaluate("document.documentElement.scrollHeight"))
    page.set_viewport_size({"width": page.evaluate("innerWidth"), "height": height})
    target = PICTURES / name
    picture = page.screenshot(path=target if os.environ.get("STREAMPROOF_PICTURES") else None)
    assert len(picture) < MOST_BYTES
    assert target.stat().st_size < MOST_BYTES
