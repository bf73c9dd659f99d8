"""The documentation in a real Chromium, opened from its folder: readable, searchable, and fit for a narrow screen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.chromium import launched
from playwright.sync_api import Browser, Locator, Page, expect
from playwright.sync_api import TimeoutError as Late

ROOT = Path(__file__).parents[2]
PAGES = ("index", "tutorial", "matrix", "catalogue/cutoff")
OF_THE_THEME = {"landmark-unique"}
"""Moderate, and made by the theme's own script."""
TRIES = 30


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as started:
        yield started


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=True, timeout=120)
    return folder.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_no_page_is_wider_than_a_narrow_screen(browser: Browser, site: str, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 400, "height": 900})
    for name in PAGES:
        page = context.new_page()
        page.goto(f"{site}/{name}.html")
        found = {one["id"]: one["nodes"][0]["target"] for one in Axe().run(page).response["violations"]}
        assert {rule: where for rule, where in found.items() if rule not in OF_THE_THEME} == {}, name
        assert page.evaluate("document.documentElement.scrollWidth") == 400, name
    context.close()


def search_box(page: Page) -> Locator:
    """The box to type into, when the theme listens: it begins to when the box is focused, if its script has run."""
    box, ready = page.get_by_role("textbox", name="Search"), page.locator(".md-search-result__meta", has_text="Type to")
    for _ in range(TRIES):
        box.blur()
        box.focus()
        with suppress(Late):
            ready.wait_for(state="attached", timeout=1000)
            break
    return box


def test_a_search_finds_an_error_text_where_there_is_no_server_and_nothing_is_fetched(
    browser: Browser, site: str
) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/index.html")
    search_box(page).press_sequentially("incomplete chunked read")
    first = page.locator(".md-search-result__link").first
    expect(first).to_have_attribute("href", re.compile("faq.html"), timeout=30_000)
    assert [one for one in asked if not one.startswith(("file:", "data:", "blob:"))] == []
    page.close()
