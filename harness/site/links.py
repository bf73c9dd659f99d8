"""Links of a page: from where they lie in the repository to where they lie in the site. Pure.

Pages are written to be read in the repository. So a link there names a file there; in the site it must lead to the page
that is made of that file, or else to the file on the web.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from posixpath import dirname, normpath, relpath

PART = re.compile(r"^<!-- here: (\w+) -->$", re.MULTILINE)
"""Where a page takes in what follows from the code."""
_FENCE = re.compile(r"\s*(```+|~~~+)")
_LINK = re.compile(r"(?<=\]\()(?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?(?=\))")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


class BrokenLink(ValueError):
    """A page links to a file that does not exist."""


def relinked(
    text: str, source: str, page: str, pages: Mapping[str, str], exists: Callable[[str], bool], repository: str
) -> str:
    """The Markdown ``text`` with the links of the site.

    Args:
        source: the file in which it stands, from the top of the repository.
        page: the place of the page in the site.
        pages: the places of all pages in the site, by file or folder in the repository.
        exists: whether the repository has that file or folder.
        repository: the address at which its files can be read, without a slash at the end.

    Raises:
        BrokenLink: a link leads nowhere.
    """

    def moved(found: re.Match[str]) -> str:
        target, anchor = found["target"], found["anchor"] or ""
        if _ELSEWHERE.match(target):
            return found[0]
        wanted = normpath(f"{dirname(source)}/{target}".lstrip("/"))
        if wanted in pages:
            return relpath(pages[wanted], dirname(page) or ".") + anchor
        if exists(wanted):
            return f"{repository}/{wanted}{anchor}"
        raise BrokenLink(f"{source} links to {target}, which does not exist")

    return "\n".join(prose(text, lambda line: _LINK.sub(moved, line)))


def prose(text: str, change: Callable[[str], str]) -> Iterator[str]:
    """The lines of ``text``, those outside of code changed."""
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if found is not None and (not fence or found[1].startswith(fence)):
            fence = "" if fence else found[1]
            yield line
        else:
            yield line if fence else change(line)
