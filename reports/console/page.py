"""What is printed on: as wide as the terminal or as ``COLUMNS`` says, and without a width where nobody says one.

A line that is too long goes on in the next one, at a space where there is one, under the place where it began, or a
little to the right of it where that was the edge. Colours
are as rich has them: ``NO_COLOR`` takes them away, ``FORCE_COLOR`` brings them into a file or a pipe.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_HANG = 2
_NARROWEST = 10
"""Columns that are used, whatever is said: in fewer nothing can be read."""


class Page:
    """A text stream, and how it is printed on."""

    def __init__(self, out: TextIO) -> None:
        self.console = Console(file=out, markup=False, emoji=False, highlight=False)
        self.is_live = out.isatty() and self.console.is_interactive
        """Whether what is shown can be changed again. A terminal that is none (``TERM=dumb``) is not."""
        said = os.environ.get("COLUMNS", "")
        has_width = out.isatty() or (said.isdecimal() and int(said) > 0)
        self.width = max(_NARROWEST, self.console.width) if has_width else None
        """Columns; None where lines may have any length."""

    def folded(self, line: Text) -> list[Text]:
        """``line`` as the lines that it is printed in."""
        if self.width is None or line.cell_len <= self.width:
            return [line]
        if max(map(cell_len, line.plain.split()), default=0) + _HANG > self.width:
            return list(line.wrap(self.console, self.width, overflow="fold"))  # such a word needs every column
        indent = min(len(line.plain) - len(line.plain.lstrip(" ")), self.width // 2)
        hang = indent or _HANG
        first, *more = line[indent:].wrap(self.console, self.width - hang, overflow="fold")
        return [Text(" " * indent).append_text(first), *(Text(" " * hang).append_text(part) for part in more)]

    def height(self, lines: Iterable[Text]) -> int:
        """How many lines these are when they are printed."""
        return sum(len(self.folded(line)) for line in lines)

    def print(self, lines: Iterable[Text]) -> None:
        """Print them."""
        for line in lines:
            for part in self.folded(line):
                part.rstrip()
                self.console.print(part, soft_wrap=True)
