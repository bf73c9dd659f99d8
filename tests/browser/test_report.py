"""The HTML report in a real Chromium: what its reader finds, and what hostile bytes cannot do."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from browser.chromium import NARROW, WIDE, Visit, launched, pictured, violations, visited
from fabricated import FAIL, PASS, UNKNOWN, ended, table_of
from playwright.sync_api import Browser, Page, expect
from reporting import PAYLOADS, record, run_of, run_with

from fake_server.record import Requested, Sent, ServerRecord, Struck
from harness import catalog, engine
from harness.comparing import Side
from harness.events import CaseFinished, Event, RunFinished, RunStarted
from harness.history import Record
from harness.plan import Tier, plan
from reports.html import Reporter

STREAMPROOF = Path(sys.executable).with_name("streamproof")
CLIENTS = ("bundled", "naive")
SELECT = "cutoff or encoding or stall.after_headers"
CASE = "cutoff.clean_end_mid_text@naive"
SENTENCE = "2 clients met 36 scenarios: bundled, which decides, passed all that concerns it; naive failed in 17 cases."


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Some chapters against two clients, in virtual time."""

    async def all_of_it() -> list[Event]:
        adapters = [catalog.adapter(one) for one in CLIENTS]
        planned = plan(catalog.scenarios(), adapters, seed="42", select=SELECT, tier=Tier.SIM, gate=("bundled",))
        return [event async for event in engine.run(planned, catalog.laws())]

    with ThreadPoolExecutor(1) as thread:  # Playwright's own event loop runs in this one
        return thread.submit(lambda: asyncio.run(all_of_it())).result()


def written(path: Path, events: list[Event], baseline: Side | None = None) -> Path:
    with path.open("w", encoding="utf-8") as out:
        reporter = Reporter(out)
        reporter.compare(baseline, [baseline] if baseline is not None else [])
        for event in events:
            reporter.take(event)
    return path


@pytest.fixture(scope="module")
def report(events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("report") / "report.html", events)


Opened = Callable[..., Visit]


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Opened]:
    """Opens the report, or another file, at a fragment, and waits until it is ready."""
    visits: list[Any] = []

    def open_(fragment: str = "", file: Path = report, **context: Any) -> Visit:
        visit = visited(browser, file, fragment, **context)
        visits.append(visit)
        made = visit.__enter__()
        made.page.wait_for_selector("html[data-ready]", timeout=20_000)
        return made

    yield open_
    for visit in visits:
        visit.__exit__(None, None, None)


def rows(page: Page) -> list[str]:
    """The scenarios that are seen in the matrix."""
    heads = page.locator(".matrix tbody:not(.chapter) th").filter(visible=True)
    return [text.split()[-1] for text in heads.all_inner_texts()]


def range_of(page: Page) -> tuple[float, float]:
    words = page.locator(".lanes-range").inner_text().replace(",", "").split()
    return float(words[0]), float(words[3])


# ---- the matrix ------------------------------------------------------------------------------------------------------


def test_the_page_says_first_how_it_went_and_holds_each_number_against_its_limit(
    opened: Opened, events: list[Event]
) -> None:
    page = opened().page
    cases = [one for one in events if isinstance(one, CaseFinished)]
    failed = sum(one.verdict is FAIL for one in cases)
    expect(page.locator("h1")).to_have_text(
        f"2 clients met {len(cases) // 2} scenarios: bundled, which decides, passed all that concerns it; "
        f"naive failed in {failed} cases."
    )
    expect(page.locator(".thresholds tbody tr").first).to_contain_text("failures of bundled")
    expect(page.locator(".thresholds tbody tr").first).to_contain_text("≤ 0")


def test_only_failures_shows_the_rows_in_which_something_failed(opened: Opened, events: list[Event]) -> None:
    page = opened().page
    everything = rows(page)
    page.get_by_role("button", name="Only failures").click()
    failed = {one.scenario for one in events if isinstance(one, CaseFinished) and one.verdict in (FAIL, UNKNOWN)}
    names = [one.partition(".")[2] for one in failed]
    assert sorted(rows(page)) == sorted(names)
    assert 0 < len(failed) < len(everything)
    expect(page.locator(".under [role=status]")).to_have_text(f"{len(failed)} scenarios, {len(failed)} cases")


def test_a_client_a_chapter_and_a_law_narrow_the_matrix(opened: Opened) -> None:
    page = opened().page
    page.get_by_label("Client", exact=True).select_option("naive")
    assert page.locator(".matrix thead th").all_inner_texts() == ["scenario", "naive"]
    page.get_by_label("Chapter").select_option("encoding")
    assert len(rows(page)) == 11
    page.get_by_label("Chapter").select_option("")
    page.get_by_label("Law").select_option("SP02")
    assert "clean_end_mid_text" in rows(page)
    assert len(rows(page)) < 24


def test_search_finds_by_parts_of_a_name_and_by_number(opened: Opened) -> None:
    page = opened().page
    search = page.get_by_label("Search")
    search.fill("clean mid")
    assert rows(page) == ["clean_end_mid_text"]
    search.fill("10.4")
    assert rows(page) == ["clean_end_mid_text"]
    assert page.locator(".chapter td").filter(visible=True).all_inner_texts() == ["✓", "1"]
    search.fill("nothing like it")
    assert rows(page) == []
    expect(page.get_by_text("Nothing matches.")).to_be_visible()


def test_what_is_filtered_is_in_the_address_and_comes_back_from_it(opened: Opened) -> None:
    page = opened().page
    page.get_by_role("button", name="Only failures").click()
    page.get_by_label("Search").fill("fin")
    found, address = rows(page), page.url.partition("#")[2]
    again = opened(f"#{address}").page
    assert rows(again) == found
    expect(again.get_by_role("button", name="Only failures")).to_have_attribute("aria-pressed", "true")


def test_only_changes_shows_what_changed_against_the_baseline(
    opened: Opened, events: list[Event], tmp_path: Path
) -> None:
    before = [
        ended(PASS, scenario="cutoff.clean_end_mid_text"),
        ended(PASS, scenario="cutoff.clean_end_late_text", client="bundled"),
        ended(FAIL, scenario="cutoff.fin_mid_text", client="bundled"),
    ]
    side = Side(name="before.jsonl", run=table_of(before, seed="42"))
    page = opened(file=written(tmp_path / "compared.html", events, side)).page
    page.get_by_role("button", name="Only changes (2)").click()
    assert rows(page) == ["clean_end_mid_text", "fin_mid_text"]
    page.locator("td.changed a").first.hover()
    expect(page.locator(".hint")).to_contain_text("newly failing")
    assert page.locator(".trend svg").count() == 2


def test_arrow_keys_go_from_cell_to_cell_and_enter_opens_one(opened: Opened) -> None:
    page = opened("#q=cutoff").page
    page.locator(".matrix td a[tabindex='0']").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page.locator(".case h1")).to_have_text("cutoff.clean_end_mid_text · naive")
    expect(page.locator(".case h1")).to_be_focused()


@pytest.mark.parametrize(("hides", "first"), [("[data-only=bad]", "1"), (".fold >> nth=0", "2")])
def test_tab_reaches_a_cell_also_when_the_first_one_is_hidden(
    opened: Opened, tmp_path: Path, hides: str, first: str
) -> None:
    run = run_with(ended(PASS, scenario="f.right"), ended(FAIL, scenario="f.wrong"), ended(FAIL, scenario="g.wrong"))
    page = opened(file=written(tmp_path / "three.html", run)).page
    page.locator(hides).click()
    page.get_by_role("button", name="Close all").focus()
    stops = []
    for _ in range(4):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.dataset.place"))
    assert first in stops


# ---- a case ----------------------------------------------------------------------------------------------------------


def test_a_link_to_a_case_opens_it_and_harm_comes_first(opened: Opened) -> None:
    page = opened(f"#case={CASE}").page
    expect(page.locator(".case h1")).to_have_text("cutoff.clean_end_mid_text · naive")
    expect(page.locator(".harm-first")).to_have_text("The user saw 41% of the answer and was told that it was whole.")
    expect(page.locator(".case .command code").first).to_have_text(f"streamproof replay {CASE}:42")
    expect(page.get_by_text("The body ends politely in the middle of the text.")).to_be_visible()
    assert page.locator("#summary").is_hidden()


def test_the_replay_of_a_client_that_does_not_ship_says_what_finds_it(opened: Opened, tmp_path: Path) -> None:
    started, *rest = run_with(ended(FAIL, client="mine"), ended(FAIL))
    told = msgspec.structs.replace(started, asked_for={"mine": "cmd:node mine.mjs", "naive": "naive"})
    page = opened("#case=cutoff.fin@mine", file=written(tmp_path / "mine.html", [told, *rest])).page
    expect(page.locator(".case .command code").first).to_have_text(
        "streamproof replay cutoff.fin@mine:1 --client 'cmd:node mine.mjs'"
    )


def test_the_picture_of_the_readme(opened: Opened, tmp_path: Path) -> None:
    command = [STREAMPROOF, "run", "--seed", "42", "-k", "cutoff.clean_end_mid_text", "--client", "naive"]
    subprocess.run([*command, "--report", f"html={tmp_path / 'report.html'}"], cwd=tmp_path, check=False, timeout=60)
    page = opened(f"#case={CASE}", file=tmp_path / "report.html", viewport={"width": 1080, "height": 700}).page
    pictured(page, "report.png", most=1650)


def test_a_link_with_the_seed_behind_it_as_replay_prints_it_opens_the_case_too(opened: Opened) -> None:
    expect(opened(f"#case={CASE}:42").page.locator(".case h1")).to_be_visible()


def test_a_link_to_a_case_that_is_not_there_shows_the_matrix_and_says_so(opened: Opened) -> None:
    page = opened("#case=no.such@client").page
    expect(page.locator(".matrix")).to_be_visible()
    expect(page.locator(".under [role=status]")).to_have_text("The address names a case that is not in this run.")


def test_back_leads_to_the_same_place_in_the_matrix(opened: Opened) -> None:
    page = opened("#only=f").page
    link = page.locator("td a.fail").nth(5)
    link.click()
    page.get_by_role("link", name="All cases").click()
    expect(link).to_be_focused()
    expect(page.get_by_role("button", name="Only failures")).to_be_visible()
    assert page.url.endswith("#only=f")


def test_next_goes_through_the_failures(opened: Opened) -> None:
    page = opened(f"#only=f&case={CASE}").page
    before = page.locator(".case h1").inner_text()
    page.keyboard.press("j")
    expect(page.locator(".case h1")).not_to_have_text(before)
    expect(page.locator(".badge")).to_have_text("failed")
    page.keyboard.press("Escape")
    expect(page.locator(".matrix")).to_be_visible()


HELD_BACK = """
() => {
  const json = Response.prototype.json;
  const held = new Promise((open) => { globalThis.letGo = open; });
  Response.prototype.json = function () { return (globalThis.unpacked = held.then(() => json.call(this))); };
}
"""


def test_a_case_that_is_unpacked_when_its_reader_has_gone_on_is_not_shown(opened: Opened, tmp_path: Path) -> None:
    run = run_with(ended(FAIL, scenario="f.first"), ended(FAIL, scenario="g.second"))
    page = opened("#case=f.first@naive", file=written(tmp_path / "two.html", run)).page
    page.evaluate(HELD_BACK)
    page.keyboard.press("j")
    page.wait_for_function("'unpacked' in globalThis")
    page.keyboard.press("Escape")
    expect(page.locator(".matrix")).to_be_visible()
    page.evaluate("async () => { letGo(); await unpacked; await new Promise(requestAnimationFrame); }")
    expect(page.locator(".matrix")).to_be_visible()
    expect(page.locator(".case h1")).to_have_count(0)


def test_the_timeline_marks_the_fault_and_zooms_by_button_keyboard_and_mouse(opened: Opened) -> None:
    page = opened("#case=cutoff.clean_end_mid_text@bundled").page
    picture = page.locator(".lanes svg")
    expect(picture.locator(".m-fault")).to_have_count(1)
    expect(picture.locator(".flag + .t-fault")).to_have_text("end_early")
    assert [one.split(":")[0] for one in picture.locator(".lane-name").all_text_contents()] == [
        "Wire",
        "Events in the reply",
        "What the client showed",
    ]
    whole = range_of(page)

    def zoomed(act: Callable[[], Any]) -> tuple[float, float]:
        before = page.locator(".lanes-range").inner_text()
        act()
        expect(page.locator(".lanes-range")).not_to_have_text(before)
        return range_of(page)

    by_button = zoomed(page.get_by_role("button", name="Zoom in").click)
    assert by_button[1] - by_button[0] < whole[1] - whole[0]
    assert zoomed(page.get_by_role("button", name="Whole", exact=True).click) == whole
    picture.focus()
    by_key = zoomed(lambda: page.keyboard.press("+"))
    assert by_key == by_button
    assert zoomed(lambda: page.keyboard.press("ArrowRight"))[0] > by_key[0]
    assert zoomed(lambda: page.keyboard.press("0")) == whole
    box = picture.bounding_box()
    assert box is not None

    def drag() -> None:
        page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 60, steps=4)
        page.mouse.up()

    dragged = zoomed(drag)
    assert 0.2 < (dragged[1] - dragged[0]) / (whole[1] - whole[0]) < 0.3
    assert zoomed(lambda: picture.dblclick(position={"x": 300, "y": 60})) == whole

    def wheel() -> None:
        page.keyboard.down("Control")
        page.mouse.wheel(0, -120)
        page.keyboard.up("Control")

    wheeled = zoomed(wheel)
    assert wheeled[1] - wheeled[0] < whole[1] - whole[0]


def test_every_mark_is_also_a_line_of_a_table_and_leads_back_to_the_picture(opened: Opened) -> None:
    page = opened(f"#case={CASE}").page
    page.get_by_text("The same as a table").click()
    page.locator(".told tr.row-fault button").click()
    expect(page.locator(".lanes .chosen")).to_have_count(1)
    expect(page.locator(".lanes-told")).to_contain_text("end_early")


def test_what_is_missing_is_marked_in_the_expected_text_and_is_a_hole_in_the_shown_one(
    opened: Opened, events: list[Event]
) -> None:
    page = opened(f"#case={CASE}").page
    (case,) = (one for one in events if isinstance(one, CaseFinished) and f"{one.scenario}@{one.client}" == CASE)
    assert case.record is not None
    truth = case.record.info.texts[0]
    missing = page.locator(".beside mark.missing").text_content() or ""
    shown = page.locator(".beside .text").last.locator("span.same").text_content() or ""
    assert shown + missing.removeprefix("missing: ") == truth
    expect(page.locator(".hole")).to_have_count(1)


def test_the_bytes_are_there_as_text_and_as_hex_with_what_is_invisible_made_visible(opened: Opened) -> None:
    page = opened(f"#case={CASE}").page
    raw = page.locator("pre.raw[role=region]")
    expect(raw).to_contain_text("HTTP/1.1 200 OK\\r↵")
    expect(raw.locator(".strike")).to_contain_text("end_early strikes here, after")
    page.get_by_role("button", name="As hex").click()
    expect(raw).to_contain_text("000000  48 54 54 50 2f 31 2e 31  20 32 30 30 20 4f 4b 0d  HTTP/1.1 200 OK·")
    expect(raw.locator(".strike")).to_have_count(1)


HEAD, BODY = b"HTTP/1.1 200 OK\r\n\r\n", b"data: {}\n\n"
ASKED = Requested(t=0, attempt=1, method="POST", path="/v1/messages", headers={}, body={}, streams=True)
HEAD_ALONE = Sent(t=0, attempt=1, data=HEAD, size=len(HEAD), total=len(HEAD))
STRUCK = Struck(t=0, attempt=1, fault="stall", note="", total=len(HEAD))
THE_REST = Sent(t=1, attempt=1, data=BODY, size=len(BODY), total=len(HEAD) + len(BODY))


def exchanged(path: Path, *server: ServerRecord) -> Path:
    """The report of one case that failed, whose server did this."""
    kept = Record(info=record("x", "naive").info, server=server)
    return written(path / "one.html", run_with(msgspec.structs.replace(ended(FAIL), record=kept)))


def test_a_fault_behind_the_last_byte_of_the_head_is_told_once(opened: Opened, tmp_path: Path) -> None:
    file = exchanged(tmp_path, ASKED, HEAD_ALONE, STRUCK, THE_REST)
    page = opened("#case=cutoff.fin@naive", file=file).page
    expect(page.locator("pre.raw[role=region] .strike")).to_have_text("stall strikes here, after 19 bytes")


def test_where_no_reply_has_a_byte_nothing_stands_in_the_place_of_the_bytes(opened: Opened, tmp_path: Path) -> None:
    page = opened("#case=cutoff.fin@naive", file=exchanged(tmp_path, ASKED)).page
    expect(page.get_by_role("heading", name="Requests")).to_be_visible()
    assert page.evaluate(
        "[...document.querySelector('.case h1').parentElement.childNodes].map((one) => one.nodeType)"
        ".every((type) => type === Node.ELEMENT_NODE)"
    )


def test_a_byte_that_is_no_utf_8_is_told_as_what_it_is(opened: Opened) -> None:
    page = opened("#case=encoding.character_split@naive").page  # the line of a chunk's size cuts characters in two
    signs = page.locator("pre.raw[role=region] .sign").all_text_contents()
    assert {"\\xe6", "\\x9d", "\\xb1"} <= {*signs}


def test_each_command_can_be_copied(opened: Opened) -> None:
    page = opened(f"#case={CASE}", permissions=["clipboard-read", "clipboard-write"]).page
    buttons = page.locator(".again .command button")
    assert buttons.count() == 5
    for place in range(5):
        command = page.locator(".again .command code").nth(place).inner_text()
        buttons.nth(place).click()
        expect(buttons.nth(place)).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == command


# ---- for everybody ---------------------------------------------------------------------------------------------------

VIEWS = ["", "#only=bad", "#client=naive", f"#case={CASE}", "#case=cutoff.clean_end_mid_text@bundled"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_nothing_wrong(scheme: str, size: dict[str, int], opened: Opened) -> None:
    page = opened(color_scheme=scheme, viewport=size).page
    found = {}
    for view in VIEWS:
        page.goto(f"{page.url.partition('#')[0]}{view}")
        page.wait_for_timeout(150)
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        found[view] = violations(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
    assert {view: told for view, told in found.items() if told} == {}


def test_the_page_is_dark_where_its_reader_wants_it_dark(opened: Opened) -> None:
    colours = [
        opened(color_scheme=one).page.evaluate("getComputedStyle(document.body).backgroundColor")
        for one in ("light", "dark")
    ]
    assert colours == ["rgb(255, 255, 255)", "rgb(16, 18, 20)"]


def test_without_javascript_the_summary_and_every_finding_are_there(
    browser: Browser, report: Path, events: list[Event]
) -> None:
    with visited(browser, report, java_script_enabled=False) as visit:
        page = visit.page
        expect(page.locator(".thresholds")).to_be_visible()
        page.locator("details summary").click()
        failed = [one for one in events if isinstance(one, CaseFinished) and one.verdict is FAIL]
        commands = page.locator("details code").filter(visible=True).all_inner_texts()
        assert sorted(commands) == sorted(f"streamproof replay {one.case}" for one in failed)
        assert visit.complaints == []


def test_in_print_all_is_there_and_nothing_that_can_only_be_pressed(opened: Opened) -> None:
    page = opened(f"#case={CASE}").page
    page.emulate_media(media="print")
    pressed = page.locator(".case button").filter(visible=True)
    assert [one for one in pressed.all_inner_texts() if not one.endswith(" s")] == []
    assert page.evaluate(
        "[...document.querySelectorAll('.case .raw')].every((one) => one.scrollHeight <= one.clientHeight + 2)"
    )


def test_a_printed_matrix_names_its_chapters_and_is_not_cut_off(opened: Opened) -> None:
    page = opened().page
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="cutoff")).to_be_visible()
    assert page.evaluate(
        "(one => one.scrollHeight <= one.clientHeight + 2)(document.querySelector('.cases .scroller'))"
    )


# ---- hostile ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_hostile_payloads_stay_text(name: str, opened: Opened, tmp_path: Path) -> None:
    payload = PAYLOADS[name] * 40 + "x" * 400
    client = PAYLOADS[name] if name != "surrogates" else "naive"
    visit = opened(file=written(tmp_path / "hostile.html", run_of(payload, client=client)), viewport=NARROW)
    page = visit.page
    plain = page.evaluate("[...new Set([...document.querySelectorAll('*')].map((one) => one.localName))].sort()")
    page.locator("td a.fail").first.click()
    page.wait_for_selector(".case .lanes svg")
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.get_by_role("button", name="As hex").click()
    tags = set(page.evaluate("[...document.querySelectorAll('.case *')].map((one) => one.localName)"))
    assert tags <= SAFE, tags - SAFE
    assert {"img", "iframe", "object", "a onmouseover"} & {*plain} == set()
    assert (
        page.evaluate("[...document.querySelectorAll('*')].some((one) => /(^|,)on/.test(one.getAttributeNames()))")
        is False
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert (visit.complaints, visit.requests, visit.dialogs) == ([], [], [])


SAFE = set(
    """nav a span div p h1 h2 h3 strong code pre button dl dt dd section \
details summary table thead tbody tr th td mark svg title line text rect path""".split()
)


def test_nothing_is_asked_for_and_nothing_is_complained_of(opened: Opened) -> None:
    visit = opened()
    for fragment in VIEWS:
        visit.page.goto(f"{visit.page.url.partition('#')[0]}{fragment}")
        visit.page.wait_for_timeout(100)
    assert (visit.complaints, visit.requests, visit.dialogs) == ([], [], [])


# ---- how quick -------------------------------------------------------------------------------------------------------


def large() -> list[Event]:
    """404 scenarios against 24 clients, every fifth case failed; of some both sides are kept."""
    clients, scenarios = [f"client_{one}" for one in range(24)], [*catalog.scenarios()][:404]
    kept = record("The gentle river admires velvet tailor. " * 20, "naive")
    cases = [
        msgspec.structs.replace(
            ended(PASS if place % 5 else FAIL, scenario=scenario, client=client, harm=f"{place % 100}% was seen"),
            record=None if place % 40 else kept,
        )
        for place, (scenario, client) in enumerate(itertools.product(scenarios, clients))
    ]
    started = RunStarted(seed="1", clients=tuple(clients), versions={}, scenarios=tuple(scenarios), cases=len(cases))
    return [started, *cases, RunFinished(counts={}, seconds=1.0)]


def test_a_run_of_any_size_is_opened_by_chapter_and_its_times_are_told(
    opened: Opened, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    run = large()
    page = opened(file=written(tmp_path / "large.html", run)).page
    assert rows(page) == []
    ready = page.evaluate("performance.getEntriesByName('ready')[0].startTime")
    page.evaluate("performance.clearMeasures()")
    page.get_by_role("button", name="Only failures").click()
    assert rows(page) == []
    page.get_by_label("Client", exact=True).select_option("client_3")
    page.get_by_label("Search").fill("cutoff")
    failed = [one for one in run if isinstance(one, CaseFinished) and one.client == "client_3" and one.verdict is FAIL]
    assert rows(page) == [one.scenario.partition(".")[2] for one in failed if one.scenario.startswith("cutoff.")]
    times = [round(one) for one in page.evaluate("performance.getEntriesByName('filter').map((one) => one.duration)")]
    record_property("opened_ms", round(ready))
    record_property("filtered_ms", json.dumps(times))
