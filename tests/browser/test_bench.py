"""The page of `streamproof bench --html` in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from browser.chromium import NARROW, WIDE, launched, violations, visited
from fabricated_bench import RUN
from playwright.sync_api import Browser

from harness.bench import chart
from harness.bench.results import Away


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture
def page(tmp_path: Path) -> Path:
    away = tuple(Away(name=f"parser {at}", why="it is not installed " * 9) for at in range(3))
    file = tmp_path / "bench.html"
    file.write_text(chart.rendered(msgspec.structs.replace(RUN, away=away)), "utf-8")
    return file


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_asks_for_nothing_fits_every_screen_and_can_be_read_by_everybody(
    browser: Browser, page: Path, viewport: dict[str, int], scheme: str
) -> None:
    context: dict[str, Any] = {"viewport": viewport, "color_scheme": scheme}
    with visited(browser, page, **context) as visit:
        assert (visit.complaints, visit.requests) == ([], [])
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        assert violations(visit.page) == []


def test_bars_are_as_long_as_they_should_be_with_the_style_that_its_policy_allows(browser: Browser, page: Path) -> None:
    with visited(browser, page) as visit:
        bars = visit.page.locator("svg rect").evaluate_all(
            "all => all.map(one => [one.className.baseVal, getComputedStyle(one).fill, one.width.baseVal.value])"
        )
    assert [(look, fill == "none") for look, fill, _ in bars] == [("limit", False), ("ours", False), ("wrong", True)]
    assert bars[1][2] == pytest.approx(5 * bars[2][2], rel=0.01)
