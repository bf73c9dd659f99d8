"""The page of a load in a real Chromium: it asks for nothing, and everybody can read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.chromium import NARROW, WIDE, launched, violations, visited
from playwright.sync_api import Browser

from harness.load.mix import Speed
from harness.load.page import page
from harness.load.result import Result
from harness.load.tally import Broken, Sample, Series, Tally
from harness.load.thresholds import all_of, kept
from harness.verdict import Verdict

SECONDS = 60


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tally, series = Tally(begun=9, verdicts={Verdict.PASS: 8, Verdict.FAIL: 1}), Series()
    for second in range(SECONDS):
        tally.first.add(0.001 * (second + 1))
        tally.gaps.add_all([0.2] * second)
        series.add(Sample(t=second, open=second, judged=second, memory=80.0 + second % 7, sockets=3 * second))
    tally.scenarios = {"cutoff.fin": {Verdict.PASS: 8, Verdict.FAIL: 1}}
    tally.breaks(Broken(law="SP02", case="cutoff.fin@bundled:1", harm="<img src=x onerror=alert(1)> was shown"))
    about = {
        "client": "bundled",
        "asked_for": "bundled",
        "version": "1",
        "seed": "1",
        "server": "",
        "streams": 9,
        "processes": 1,
    }
    result = Result(**about, speed=Speed(), scenarios=1, seconds=60.0, tally=tally, series=series, leaked=0)
    path = tmp_path_factory.mktemp("load") / "load.html"
    path.write_text(page(result, kept(all_of(["ttft.p95<1s"]), result)), "utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_it_asks_for_nothing_runs_nothing_and_axe_finds_nothing_wrong(
    browser: Browser, file: Path, scheme: str, size: dict[str, int]
) -> None:
    with visited(browser, file, viewport=size, color_scheme=scheme) as visit:
        assert violations(visit.page) == []
        assert (visit.complaints, visit.requests, visit.dialogs) == ([], [], [])
        assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert visit.page.locator("svg").count() == 2 + 3
