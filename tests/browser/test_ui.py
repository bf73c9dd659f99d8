"""The control room in a real browser: what is seen while a case goes on, what a hand does, and what a search finds."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from browser.chromium import launched, pictured, violations
from playwright.sync_api import Browser, Page, expect

STREAMPROOF = Path(sys.executable).with_name("streamproof")
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> & <b>bold</b>"
CLIENT = f'''
"""A client whose answers are hostile."""
from harness.model import Finished, Noticed, Outcome, Policy, Shown

HOSTILE = {HOSTILE!r}


class Hostile:
    name, version, policy, capabilities = "hostile", HOSTILE, Policy.BEST_EFFORT, frozenset()

    async def run(self, job):
        yield Shown(text=HOSTILE)
        yield Noticed(what=HOSTILE)
        yield Finished(outcome=Outcome.COMPLETE)


ADAPTER = Hostile()
'''


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``streamproof ui`` in a process of its own; the address of its page."""
    home = tmp_path_factory.mktemp("ui")
    (home / "hostile.py").write_text(CLIENT, "utf-8")
    chosen = ("naive", "bundled", "hostile:ADAPTER")
    command = [str(STREAMPROOF), "ui", "--seed", "7", "--pace", "0.04"]
    command += [word for name in chosen for word in ("--client", name)]
    path = os.pathsep.join(filter(None, [str(home), os.environ.get("PYTHONPATH", "")]))
    env = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(
        command, cwd=home, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield found[0]
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in printed) == (0, False), printed


@contextmanager
def opened(
    browser: Browser, address: str, *, width: int = 1440, scheme: str = "light", view: str = ""
) -> Iterator[Page]:
    """The page, in a browser that complains about nothing."""
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    complaints: list[str] = []
    page.on("console", lambda one: complaints.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda one: complaints.append(str(one)))
    page.goto(f"{address}{view}")
    expect(page.locator("#run")).to_be_enabled()
    try:
        yield page
    finally:
        context.close()
    assert complaints == []


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with opened(browser, url) as one:
        yield one


def choose(page: Page, scenario: str = "", client: str = "") -> None:
    if client:
        page.get_by_label("Client", exact=True).first.select_option(client)
    if scenario:
        page.get_by_label("Scenario").select_option(scenario)


def run(page: Page, scenario: str = "", client: str = "") -> None:
    choose(page, scenario, client)
    page.get_by_role("button", name="Run").click()


def over(page: Page) -> None:
    expect(page.locator("#state")).to_have_text("Over.")


def running(page: Page) -> None:
    """Wait until something of the answer is there."""
    expect(page.locator("#shown")).not_to_be_empty()


def test_a_case_is_watched_from_its_first_request_to_its_verdict(page: Page) -> None:
    run(page)
    running(page)
    expect(page.locator("#verdict")).to_be_hidden()  # while it goes on nothing is said of it
    expect(page.locator(".lanes .m-request")).to_have_count(1)
    over(page)
    for kind in ("bytes", "event", "text", "request", "fault", "good"):
        expect(page.locator(f".lanes .m-{kind}").first).to_be_attached()
    expect(page.locator(".lanes .lane-name")).to_have_text(["Server says", "Wire delivers", "User sees"])
    expect(page.locator("#verdict .which")).to_have_text("Wrong, proven from the bytes (law SP02)")
    expect(page.locator("#verdict .sentence")).to_have_text(
        re.compile(r"^The user saw \d\d% of the answer and was told")
    )
    expect(page.locator("#verdict code")).to_have_text("streamproof replay cutoff.clean_end_mid_text@naive:7")
    page.locator("#record > summary").click()
    expect(page.locator("#record tr[data-side=fault]")).to_contain_text("end_early")


def test_a_second_run_begins_with_empty_lanes(page: Page) -> None:
    run(page)
    over(page)
    expect(page.locator(".lanes .m-fault")).to_have_count(1)
    run(page, "completion.plain")
    over(page)
    expect(page.locator(".lanes .m-fault")).to_have_count(0)
    expect(page.locator("#verdict .which")).to_have_text("Right, proven from the bytes")


def test_the_axis_grows_while_nothing_comes_and_stop_ends_it(page: Page) -> None:
    run(page, "stall.mid_text")
    running(page)
    last = page.locator(".lanes svg > text[text-anchor=middle]").last
    before = last.text_content()
    expect(last).not_to_have_text(before or "")
    page.get_by_role("button", name="Stop").click()
    over(page)
    expect(page.locator("#verdict .sentence")).to_have_text(re.compile(r"^You stopped it, and \d+ ms later"))


def test_a_slider_acts_on_the_running_stream_and_says_how_it_stands(page: Page) -> None:
    run(page, "completion.plain")
    running(page)
    slider = page.get_by_role("slider", name="Latency")
    slider.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "400 ms")
    expect(page.locator("output[for=latency]")).to_have_text("400 ms")
    over(page)
    page.locator("#record > summary").click()
    expect(page.locator("#record")).to_contain_text("latency_by_hand")
    expect(page.locator("#verdict .again")).to_have_text(re.compile("^You changed the network"))
    page.get_by_role("button", name="All as it was").click()
    expect(page.locator("output[for=latency]")).to_have_text("none")


HELD_BACK = """
() => {
  const ask = fetch, held = new Promise((open) => { globalThis.letGo = open; });
  globalThis.fetch = (...asked) => held.then(() => ask(...asked));
}
"""


def test_a_slider_that_is_moved_while_a_case_begins_counts(page: Page) -> None:
    page.evaluate(HELD_BACK)
    run(page, "completion.plain")
    page.get_by_role("slider", name="Latency").press("ArrowRight")
    page.evaluate("letGo()")
    over(page)
    page.locator("#record > summary").click()
    expect(page.locator("#record")).to_contain_text("latency_by_hand (50 ms)")
    expect(page.locator("#trouble")).to_be_empty()


def test_the_keyboard_is_not_lost_with_the_button_that_ends_a_case(page: Page) -> None:
    run(page, "completion.plain")
    running(page)
    page.get_by_role("button", name="Cut", exact=True).focus()
    page.keyboard.press("Enter")
    over(page)
    expect(page.get_by_role("button", name="Run")).to_be_focused()


@pytest.mark.parametrize("name", ["Cut", "Reset"])
def test_a_strike_ends_the_connection_and_the_resilient_client_gets_over_it(page: Page, name: str) -> None:
    strike = page.get_by_role("button", name=name, exact=True)
    expect(strike).to_be_disabled()
    run(page, "completion.plain", "bundled")
    running(page)
    strike.click()
    over(page)
    expect(page.locator(".lanes .flag")).to_have_count(1)
    expect(page.locator("#requests .request")).to_have_count(2)
    expect(page.locator("#verdict .sentence")).to_have_text("The user saw the whole answer, once, after 2 requests.")
    expect(strike).to_be_disabled()


def test_silence_is_a_switch(page: Page) -> None:
    run(page, "completion.plain")
    running(page)
    silence = page.get_by_role("button", name="Silence")
    silence.click()
    expect(silence).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".lanes")).to_be_visible()
    silence.click()
    expect(silence).to_have_attribute("aria-pressed", "false")
    over(page)
    expect(page.locator("#verdict .sentence")).to_have_text("The user saw the whole answer, once.")


def test_a_program_from_outside_is_served_seen_and_judged(page: Page) -> None:
    choose(page, "http_status.status_401")
    page.get_by_role("radio", name="Your program").check()
    page.get_by_role("button", name="Serve").click()
    address = page.locator("#url")
    expect(address).to_have_text(re.compile(r"^http://127\.0\.0\.1:\d+/case/"))
    expect(page.locator("#curl")).to_contain_text("curl -N")
    for _ in range(2):
        body = {"model": HOSTILE, "max_tokens": 9, "messages": [{"role": "user", "content": HOSTILE}]}
        httpx.post(f"{address.text_content()}/v1/messages", json=body, headers={"x-api-key": "k", "x-odd": "<b>x</b>"})
    expect(page.locator("#requests .request")).to_have_count(2)
    expect(page.locator("#requests summary .fail").first).to_have_text(re.compile("^400 .*anthropic-version"))
    page.locator("#requests summary").first.click()
    expect(page.locator("#requests pre").first).to_contain_text("<script>document.title='owned'</script>")
    expect(page.locator("#verdict .which")).to_have_text("Wrong, proven by its requests (law SP11)")
    page.get_by_role("button", name="Stop").click()
    over(page)
    expect(page.locator("#verdict .sentence")).to_have_text(re.compile("^The same request was made 2 times"))
    unharmed(page)


def unharmed(page: Page) -> None:
    assert page.title() != "owned"
    assert page.locator("main img, main script, main b").count() == 0


def test_hostile_text_of_a_client_stays_text(page: Page) -> None:
    run(page, "completion.plain", "hostile:ADAPTER")
    over(page)
    expect(page.locator("#shown")).to_have_text(HOSTILE)
    expect(page.locator("#record tbody")).to_contain_text("<b>bold</b>")
    unharmed(page)


def test_scenarios_are_found_by_words_and_numbers_and_what_a_client_cannot_is_said(page: Page) -> None:
    page.get_by_label("Find").fill("reset mid text")
    options = page.locator("#scenario option")
    assert options.count() < 12
    page.get_by_label("Find").fill("no such words")
    expect(page.locator("#title")).to_have_text("No scenario has these words.")
    expect(page.locator("#run")).to_be_disabled()
    page.get_by_label("Find").fill("")
    choose(page, client="bundled")
    choose(page, "content.tool_call")
    choose(page, client="naive")
    expect(page.locator("#title")).to_contain_text("naive cannot: tools")
    expect(page.locator("#run")).to_be_disabled()


def test_what_the_server_refuses_in_plain_text_is_told_in_its_words(page: Page) -> None:
    page.evaluate("fetch = async () => new Response('this page is served to this machine alone', {status: 421})")
    run(page)
    expect(page.locator("#trouble")).to_have_text("this page is served to this machine alone")


def test_everything_can_be_done_by_keyboard(page: Page) -> None:
    page.get_by_label("Seed").first.focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Run")).to_be_focused()
    choose(page, "stall.mid_text")
    page.get_by_role("button", name="Run").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    running(page)
    page.keyboard.press("Escape")
    over(page)
    expect(page.get_by_role("button", name="Run")).to_be_focused()
    page.get_by_role("link", name="Search for failures").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#search")).to_be_visible()
    expect(page.locator("#watch")).to_be_hidden()


def test_a_search_is_followed_and_stopped(browser: Browser, url: str) -> None:
    with opened(browser, url, view="#search") as page:
        page.get_by_label("Cases", exact=True).fill("100000")
        page.get_by_role("button", name="Search").click()
        expect(page.locator("#n-cases")).not_to_have_text("0")
        expect(page.locator("#failures tbody tr").first).to_contain_text("SP")
        expect(page.locator("#coverage tbody tr").first).to_be_visible()
        expect(page.locator("#coverage thead th")).to_have_text(["Fault", "nothing", "started", "content", "ended"])
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#search-state")).to_have_text(re.compile("^Stopped.*streamproof fuzz --client naive"))
        assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1440])
def test_axe_finds_nothing_to_complain_about_and_nothing_is_cut_off(
    browser: Browser, url: str, scheme: str, width: int
) -> None:
    with opened(browser, url, width=width, scheme=scheme) as page:
        assert violations(page) == []
        run(page, "cutoff.reset_mid_text", "bundled")
        over(page)
        page.locator("#record > summary").click()
        page.locator("#requests summary").first.click()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("link", name="Search for failures").click()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_changes_is_announced(page: Page) -> None:
    expect(page.locator("#shown")).to_have_attribute("aria-live", "polite")
    for name in ("#state", "#search-state"):
        expect(page.locator(name)).to_have_attribute("role", "status")
    for name in ("#trouble", "#search-trouble"):
        expect(page.locator(name)).to_have_attribute("role", "alert")


def test_the_picture_of_the_docs(browser: Browser, url: str) -> None:
    with opened(browser, url, width=1080) as page:
        run(page)
        over(page)
        pictured(page, "ui.png")
