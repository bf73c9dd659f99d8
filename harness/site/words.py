"""Markdown for what the code says of itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

ISSUES = "https://github.com"
_ISSUE = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)#(?P<number>\d+)")
_ROLE = re.compile(r":\w+:`~?(?:[\w.]+\.)?(\w+)`")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table; what would end a cell is escaped."""
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '&#124;').replace(chr(10), ' ') for cell in row)} |"


def source(name: str) -> str:
    """A source (``owner/repo#number``, an address, or the clause of a standard) as a link where it is one."""
    if (issue := _ISSUE.fullmatch(name)) is not None:
        return f"[{name}]({ISSUES}/{issue['repository']}/issues/{issue['number']})"
    if name.startswith(("http://", "https://")):
        return f"[{name.partition('//')[2]}]({name})"
    return name


def docstring(text: str) -> str:
    """A docstring as Markdown: its code and its references are code here, too."""
    return _ROLE.sub(r"`\1`", text).replace("``", "`")


def escaped(text: str) -> str:
    """``text`` as it is, in a place where Markdown would read ``<``, ``*`` and ``_`` as its own."""
    return re.sub(r"([\\`*_<>\[\]{}#])", lambda found: f"&#{ord(found[1])};", text)
