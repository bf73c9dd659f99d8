"""The thin edge to MkDocs: it calls these functions by their names (``hooks`` in ``mkdocs.yml``)."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from harness.site import build
from harness.site.chapters import Book

_DRAWING = re.compile(r'<img [^>]*src="(?:\.\./)*img/(?P<name>\w+\.svg)"[^>]*>')
_WIDE = re.compile(r"<table>(?=\s*<thead>\s*<tr>(?:\s*<th[^>]*>[^<]*</th>){5})")
_SEARCH = '<div class="md-search" data-md-component="search" role="dialog"'
_SOURCES = {place: source for source, place in build.COPIED.items()}


@cache
def _book() -> Book:
    return build.book()


@cache
def _parts() -> dict[str, str]:
    return build.parts(_book())


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the chapters of the catalogue below it."""
    entries: list[dict[str, Any]] = [one for tab in config.nav or () for pages in tab.values() for one in pages]
    (catalogue,) = (one["Catalogue"] for one in entries if "Catalogue" in one)
    catalogue += [f"catalogue/{family}.md" for family in _book().families]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in ``docs``."""
    for place, text in build.pages(_book()):
        files.append(File.generated(config, place, content=text))
    for source, place in build.COPIED.items():
        files.append(File.generated(config, place, content=(build.ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Fill a page that was written by hand in; those made of the code are finished."""
    place = page.file.src_uri
    if page.file.generated_by and place not in _SOURCES:
        return markdown
    source = _SOURCES.get(place, f"docs/{place}")
    return build.filled(markdown, source, place, _parts(), config.extra["repository"])


def on_page_content(html: str, **_: Any) -> str:
    """Put drawings into the page itself, where they follow its colours; let what is wide be scrolled by keyboard."""
    html = _WIDE.sub('<table tabindex="0">', html)
    return _DRAWING.sub(lambda found: _drawing(found["name"]), html)


def _drawing(name: str) -> str:
    text = (build.ROOT / "docs" / "img" / name).read_text("utf-8")
    return text.replace('role="img"', 'role="img" tabindex="0"', 1)


def on_post_page(output: str, **_: Any) -> str:
    """Give the search a name for who cannot see it."""
    return output.replace(_SEARCH, f'{_SEARCH} aria-label="Search"')
