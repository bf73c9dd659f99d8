"""The chat in a real Chromium: what a visitor sees, hears and can press."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.chromium import launched, pictured
from playwright.sync_api import Browser, Page, expect

from fake_server.answer import Answer
from fake_server.app import Case, FakeServer
from fake_server.blocks import text_block
from fake_server.script import script

STREAMPROOF = Path(sys.executable).with_name("streamproof")
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> & <b>bold</b>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as started:
        yield started


@contextmanager
def chat(*args: str, **more: str) -> Iterator[str]:
    """``streamproof chat`` in a process of its own; yields the address of its page."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")}
    command = [str(STREAMPROOF), "chat", "--seed", "7", *args]
    with subprocess.Popen(
        command, env=env | more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            printed, _ = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in printed) == (0, False), printed


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with chat("--pace", "0.03") as address:
        yield address


@contextmanager
def opened(
    browser: Browser, address: str, *, width: int = 1180, height: int = 900, scheme: str = "light"
) -> Iterator[Page]:
    """The page, in a browser that complains about nothing."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda one: complaints.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda one: complaints.append(str(one)))
    page.goto(address)
    expect(page.get_by_role("button", name="Ask")).to_be_enabled()
    try:
        yield page
    finally:
        context.close()
    assert complaints == []


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with opened(browser, url) as one:
        yield one


def ask(page: Page, fault: str = "", question: str = "") -> None:
    if fault:
        page.get_by_label("What goes wrong").select_option(label=fault)
    if question:
        page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name=re.compile("^Ask")).click()


def pane(page: Page, name: str):  # type: ignore[no-untyped-def]
    return page.get_by_role("region", name=name).last


def naive(page: Page):  # type: ignore[no-untyped-def]
    return pane(page, "Naive loop")


def resilient(page: Page):  # type: ignore[no-untyped-def]
    return pane(page, "Resilient client")


def ended(page: Page) -> None:
    expect(page.locator(".pane .truth:not([hidden])").first).to_be_attached(timeout=25_000)
    expect(page.get_by_role("button", name=re.compile("^Ask"))).to_be_visible(timeout=25_000)
    expect(page.locator(".pane .truth[hidden]")).to_have_count(0)


def text_of(found) -> str:  # type: ignore[no-untyped-def]
    return found.locator(".answer").text_content() or ""


def test_one_press_shows_half_an_answer_as_whole_on_the_left_and_all_of_it_on_the_right(page: Page) -> None:
    ask(page)
    ended(page)
    left, right = naive(page), resilient(page)
    expect(left.locator(".state")).to_have_text("says: complete")
    expect(right.locator(".state")).to_have_text("says: complete")
    expect(left.locator(".sentence")).to_have_text(re.compile(r"^The user saw \d\d% of the answer and was told that"))
    expect(right.locator(".sentence")).to_have_text("The user saw the whole answer, once, after 2 requests.")
    expect(left.locator(".verdict")).to_have_text("Wrong, proven from the bytes (law SP02)")
    assert text_of(right) == text_of(left) + (left.locator(".missing p").text_content() or "")
    expect(left.locator(".missing h4")).to_have_text(
        re.compile(r"^Said by the model and never shown, \d\d% of the answer$")
    )


def test_while_an_answer_comes_it_is_seen_to_be_written(page: Page) -> None:
    ask(page)
    expect(resilient(page).locator(".typing")).to_be_visible()
    expect(resilient(page).locator(".answer")).not_to_be_empty()
    expect(resilient(page).locator(".typing")).to_be_visible()
    ended(page)
    expect(resilient(page).locator(".typing")).to_be_hidden()


def test_the_moment_in_which_the_fault_strikes_is_seen_on_both_sides(page: Page) -> None:
    ask(page, "Silence in the middle")
    for side in (naive(page), resilient(page)):
        expect(side.locator(".struck")).to_have_text(re.compile(r"^stall_forever strikes after \d+ bytes$"))
        expect(side.locator(".truth")).to_be_hidden()
    page.get_by_role("button", name="Stop").click()
    ended(page)


def test_a_recovery_is_noticed_quietly_and_the_notice_goes_when_the_text_goes_on(page: Page) -> None:
    page.evaluate(
        """() => {
          globalThis.notices = [];
          new MutationObserver(() => {
            for (const one of document.querySelectorAll('[role=status]')) {
              if (one.textContent && !notices.includes(one.textContent)) notices.push(one.textContent);
            }
          }).observe(document.querySelector('main'), {subtree: true, childList: true, characterData: true});
        }"""
    )
    ask(page, "Overloaded (529) in the middle of a 200")
    ended(page)
    (notice,) = page.evaluate("notices")
    assert re.fullmatch(r"One moment: the client asks for the rest after \w+, request 2\.", notice)
    expect(resilient(page).get_by_role("status")).to_be_empty()


def test_an_error_is_a_toast_and_what_had_come_is_kept(page: Page) -> None:
    ask(page, "The connection is reset in the middle")
    ended(page)
    toast = naive(page).get_by_role("alert")
    expect(toast).to_contain_text("httpx.")
    expect(toast).to_contain_text("What had come is kept.")
    assert len(text_of(naive(page))) > 100
    expect(naive(page).locator(".state")).to_have_text("says: it broke off")
    expect(naive(page).locator(".verdict")).to_have_text("Honest, proven from the bytes")
    expect(resilient(page).locator(".verdict")).to_have_text("Right, proven from the bytes")
    expect(resilient(page).get_by_role("alert")).to_be_empty()


def test_a_refused_key_is_told_on_both_sides_and_promises_nothing_that_was_kept(page: Page) -> None:
    ask(page, "The key is refused (401)")
    ended(page)
    for side in (naive(page), resilient(page)):
        expect(side.get_by_role("alert")).to_contain_text("401")
        expect(side.get_by_role("alert")).not_to_contain_text("kept")


def test_stop_stops_both_and_the_server_saw_the_sockets_close(page: Page) -> None:
    ask(page, "Silence in the middle")
    expect(naive(page).locator(".answer")).not_to_be_empty()
    page.get_by_role("button", name="Stop").click()
    ended(page)
    for side in (naive(page), resilient(page)):
        expect(side.locator(".state")).to_have_text("stopped by you")
        expect(side.locator(".sentence")).to_have_text(
            re.compile(r"^You stopped it, and \d+ ms later the server saw the connection close\.$")
        )


def test_escape_stops_as_well_and_the_keyboard_is_back_at_the_question(page: Page) -> None:
    page.get_by_label("What goes wrong").select_option(label="Silence in the middle")
    page.get_by_label("Your question").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    expect(naive(page).locator(".answer")).not_to_be_empty()
    page.keyboard.press("Escape")
    ended(page)
    expect(page.get_by_label("Your question")).to_be_focused()


def test_who_has_gone_elsewhere_is_left_there_when_the_answer_is_over(page: Page) -> None:
    ask(page)
    page.get_by_label("What goes wrong").focus()
    ended(page)
    expect(page.get_by_label("What goes wrong")).to_be_focused()


ENDS_AT_ONCE = """
() => {
  globalThis.EventSource = class {
    addEventListener(name, take) { if (name === "end") setTimeout(take); }
    close() {}
  };
}
"""


def test_an_answer_that_breaks_off_unjudged_is_said_to(page: Page) -> None:
    page.evaluate(ENDS_AT_ONCE)
    ask(page)
    for side in (naive(page), resilient(page)):
        expect(side.locator(".state")).to_have_text("broke off; the terminal may say why")
        expect(side.locator(".typing")).to_be_hidden()


def test_answers_are_numbered_by_their_questions(page: Page) -> None:
    for number in (1, 2):
        ask(page, "The key is refused (401)")
        ended(page)
        expect(page.get_by_role("region", name=f"Naive loop, answer {number}")).to_have_count(1)


def test_the_view_switches_while_the_answer_streams(page: Page) -> None:
    ask(page)
    expect(naive(page).locator(".answer")).not_to_be_empty()
    page.get_by_role("radio", name="Resilient").check()
    expect(naive(page)).to_be_hidden()
    expect(resilient(page)).to_be_visible()
    page.get_by_role("radio", name="Naive").check()
    expect(page.locator(".pane[data-side=resilient]")).to_be_hidden()
    expect(naive(page)).to_be_visible()
    ended(page)
    page.get_by_role("radio", name="Both").check()
    expect(resilient(page).locator(".sentence")).to_have_text(re.compile("whole answer"))


def test_the_view_can_be_switched_by_keyboard(page: Page) -> None:
    page.get_by_role("radio", name="Both").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Naive")).to_be_checked()
    expect(page.locator("main")).to_have_attribute("data-view", "naive")


def test_hostile_text_of_the_visitor_stays_text(page: Page) -> None:
    ask(page, question=HOSTILE)
    ended(page)
    expect(page.locator(".asked")).to_have_text(HOSTILE)
    assert page.locator("main img, main script, main b").count() == 0
    assert page.title() != "owned"


@contextmanager
def real_server(text: str) -> Iterator[str]:
    """What stands for the real API, in a thread: every answer is ``text``."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[FakeServer, str]:
        server = FakeServer()
        await server.start()
        answer = Answer(blocks=(text_block(text),))
        return server, server.open_case("case", Case(script=script(answer), seed="1", sink=lambda _: None))

    server, address = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield address
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_hostile_text_of_a_real_server_stays_text_and_the_page_says_who_speaks(browser: Browser) -> None:
    key = "sk-ant-api03-this-is-nobodys-business"
    with (
        real_server(HOSTILE) as upstream,
        chat(ANTHROPIC_API_KEY=key, ANTHROPIC_BASE_URL=upstream) as address,
        opened(browser, address) as page,
    ):
        expect(page.locator("#honest")).to_contain_text("a story that answers nothing")
        page.get_by_role("radio", name=upstream).check()
        expect(page.locator("#honest")).to_contain_text(f"{upstream} answers, through our proxy")
        ask(page, "Nothing goes wrong")
        ended(page)
        assert [text_of(naive(page)), text_of(resilient(page))] == [HOSTILE, HOSTILE]
        assert page.locator("main img, main script, main b").count() == 0
        assert page.title() != "owned"
        assert key not in page.content()


def test_for_a_real_server_only_what_can_strike_it_can_be_chosen(browser: Browser) -> None:
    with (
        real_server("Hello.") as upstream,
        chat(ANTHROPIC_API_KEY="k", ANTHROPIC_BASE_URL=upstream) as address,
        opened(browser, address) as page,
    ):
        page.get_by_label("What goes wrong").select_option(label="The network goes silent")
        page.get_by_role("radio", name=upstream).check()
        expect(page.get_by_label("What goes wrong")).to_have_value("cutoff.clean_end_mid_text")
        expect(page.locator("option", has_text="The network goes silent")).to_be_disabled()
        page.get_by_role("radio", name="Resilient").check()
        ask(page, "Nothing goes wrong")
        expect(page.locator(".pane")).to_have_count(1)  # whoever is not looked at is not asked, and not billed
        ended(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1180])
def test_axe_finds_nothing_to_complain_about(browser: Browser, url: str, scheme: str, width: int) -> None:
    with opened(browser, url, width=width, scheme=scheme) as page:
        assert complaints(page) == []
        ask(page, "The connection is reset in the middle")
        ended(page)
        page.locator("summary").first.click()
        assert complaints(page) == []


def complaints(page: Page) -> list[str]:
    """What axe-core has to say against the page as it is."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("width", [400, 1180])
@pytest.mark.parametrize("fault", ["Every character cut in half", "The key is refused (401)"])
def test_nothing_is_cut_off_or_covered(browser: Browser, url: str, width: int, fault: str) -> None:
    with opened(browser, url, width=width) as page:
        ask(page, fault)
        ended(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert (
            page.evaluate(
                "[...document.querySelectorAll('.pane *')].filter((one) => one.closest('.pane')"
                ".getBoundingClientRect().right < one.getBoundingClientRect().right - 1).length"
            )
            == 0
        )


def test_the_text_is_announced_politely_and_notices_and_errors_by_their_roles(page: Page) -> None:
    ask(page)
    for side in (naive(page), resilient(page)):
        expect(side.locator(".answer")).to_have_attribute("aria-live", "polite")
        expect(side.get_by_role("status")).to_have_count(1)
        expect(side.get_by_role("alert")).to_have_count(1)
    ended(page)


def test_the_picture_of_the_readme(browser: Browser, url: str) -> None:
    with opened(browser, url, width=1080, height=1000) as page:
        ask(page)
        ended(page)
        pictured(page, "chat.png")
