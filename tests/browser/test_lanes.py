"""The timeline that all pages share, with data that is still growing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.chromium import launched, visited
from playwright.sync_api import Browser, Page, expect

from harness.web import shared

PAGE = """<!DOCTYPE html><html lang="en"><title>lanes</title><style>{style}</style><div id="host"></div>
<script type="module">{script}
globalThis.view = lanes(document.getElementById("host"), {{ lanes: [{{ id: "wire", name: "Wire" }}], live: true }});
document.documentElement.dataset.ready = "yes";
</script></html>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """Lanes into which nothing has come yet."""
    file = tmp_path / "lanes.html"
    script = shared("lanes.js").read_text("utf-8").replace("export function", "function")
    file.write_text(PAGE.format(style=shared("base.css").read_text("utf-8"), script=script), "utf-8")
    with visited(browser, file) as visit:
        visit.page.wait_for_selector("html[data-ready]")
        yield visit.page
        assert visit.complaints == []


def seen(page: Page) -> list[float]:
    shown: list[float] = page.evaluate("view.range()")
    return shown


def test_the_axis_of_a_live_view_grows_with_what_comes_and_with_time(page: Page) -> None:
    page.evaluate('globalThis.mark = view.add({ lane: "wire", kind: "bytes", t: 0.5, label: "1 byte" })')
    first = seen(page)[1]
    page.evaluate('view.stretch(mark, 2, "9 bytes")')
    expect(page.locator(".lanes .t-bytes")).to_have_text("9 bytes")
    second = seen(page)[1]
    page.evaluate("view.now(9)")
    assert 0.5 < first < 2 < second < 9 < seen(page)[1]


def test_a_reader_who_has_zoomed_in_is_left_where_they_are_until_they_want_the_whole(page: Page) -> None:
    page.evaluate('view.add({ lane: "wire", kind: "bytes", t: 1, label: "" }); view.look(0.2, 0.4)')
    page.evaluate("view.now(30)")
    assert [round(one, 3) for one in seen(page)] == [0.2, 0.4]
    page.get_by_role("button", name="Whole", exact=True).click()
    assert seen(page)[1] > 30


def test_a_view_that_is_cleared_begins_anew(page: Page) -> None:
    page.evaluate('view.add({ lane: "wire", kind: "fault", t: 5, label: "reset" })')
    expect(page.locator(".lanes .m-fault")).to_have_count(1)
    page.evaluate("view.clear()")
    expect(page.locator(".lanes .m-fault")).to_have_count(0)
    assert seen(page)[1] < 1
