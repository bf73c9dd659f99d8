"""The site is built strictly: links and anchors lead somewhere, every page is there, nothing is from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from fake_server import fault
from harness import catalog
from harness.site import build

ROOT = Path(__file__).parents[2]
DRAWINGS = sorted((ROOT / "docs" / "img").glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return folder


def read(site: Path, page: str) -> str:
    return (site / page).read_text("utf-8")


def test_the_site_has_a_page_for_every_one_of_ours_and_for_every_chapter(site: Path) -> None:
    sources = {one.relative_to(ROOT / "docs").with_suffix(".html") for one in (ROOT / "docs").rglob("*.md")}
    made = {Path(place).with_suffix(".html") for place, _ in build.pages(build.book())}
    copied = {Path(place).with_suffix(".html") for place in build.COPIED.values()}
    built = {one.relative_to(site) for one in site.rglob("*.html")} - {Path("404.html")}
    assert built == sources | made | copied


def test_every_scenario_law_and_fault_can_be_linked_to(site: Path) -> None:
    for scenario in catalog.scenarios().values():
        assert f'id="{scenario.name}"' in read(site, f"catalogue/{scenario.family}.html"), scenario.id
    assert all(f'id="{law.code.lower()}"' in read(site, "laws.html") for law in catalog.laws())
    assert all(f'id="{name.lower()}"' in read(site, "faults.html") for name in fault.kinds())


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loaded = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)")
    pages = list(site.rglob("*.html"))
    assert {found for page in pages for found in loaded.findall(page.read_text("utf-8"))} == set()
    styles = re.compile(r"(?:url\(|@import )[\"']?(?:https?:)?//[^\"')]+")
    assert {found for one in site.rglob("*.css") for found in styles.findall(one.read_text("utf-8"))} == set()


def test_what_follows_from_the_code_is_filled_in(site: Path) -> None:
    front = read(site, "index.html")
    assert f"<td>{len(catalog.failures())}</td>" in front
    assert "<!-- here:" not in front


def test_drawings_stand_in_the_page_itself_where_they_follow_its_colours(site: Path) -> None:
    shown = {"index.html": "half", "architecture.html": "session"}
    for page, name in shown.items():
        assert f'aria-labelledby="{name}-title {name}-desc"' in read(site, page)
    assert ".svg" not in read(site, "architecture.html").partition("<article")[2].partition("</article>")[0]


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda one: one.name)
def test_a_drawing_says_what_it_shows_to_who_cannot_see_it_and_is_drawn_in_both_schemes(drawing: Path) -> None:
    root = ElementTree.fromstring(drawing.read_text("utf-8"))
    ids = {one.get("id"): one.text for one in root.iter() if one.get("id")}
    assert root.get("role") == "img"
    assert all(len(ids[name] or "") > 8 for name in (root.get("aria-labelledby") or "").split())
    style = root.findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme: dark" in style
    named = {name: set(re.findall(r"(--\w+):", part)) for name, part in zip("ld", style.split("@media"), strict=True)}
    assert named["l"] >= named["d"] == set(re.findall(r"var\((--\w+)\)", style))
