"""A TOML file as blocks of text, one for each table of two names: they come and go, and the rest is not touched. Pure.

A block is a table with the comments right above it; what stands before the first one is a block without a table.
(tomlkit was tried: to it a comment above a table belongs to the table before, and goes with it.)
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from harness.plain import plain

Key: TypeAlias = tuple[str, str]

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A table as it is written: the comments above it, itself, and the empty lines and comments that follow."""

    key: Key = ("", "")
    above: str = ""
    body: str = ""
    tail: str = ""

    @property
    def text(self) -> str:
        """All of it."""
        return self.above + self.body + self.tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """A file; the first block is what stands before the first table."""

    parts: tuple[Block, ...] = (Block(),)

    @property
    def text(self) -> str:
        """The file."""
        return "".join(part.text for part in self.parts)

    @property
    def keys(self) -> list[Key]:
        """Of the tables, in their order."""
        return [part.key for part in self.parts[1:]]

    def without(self, key: Key) -> Blocks:
        """Without this table and the comments right above it; comments that stand apart below it stay."""
        place = self._place(key)
        before, gone = self.parts[place - 1], self.parts[place]
        left = gone.tail if "#" in gone.tail else ""
        return replace(
            self, parts=(*self.parts[: place - 1], replace(before, tail=before.tail + left), *self.parts[place + 1 :])
        )

    def with_table(self, key: Key, values: Mapping[str, str | bool]) -> Blocks:
        """With this table: in place of the one that is there, or else before the first that comes later."""
        body = "".join([f"{header(key)}\n", *(f"{name} = {_value(value)}\n" for name, value in values.items())])
        if key in self.keys:
            place = self._place(key)
            same = replace(self.parts[place], body=body)
            return replace(self, parts=(*self.parts[:place], same, *self.parts[place + 1 :]))
        place = next((i for i, part in enumerate(self.parts) if part.key > key), len(self.parts))
        before, after = self.parts[:place], self.parts[place:]
        new = Block(key=key, body=body, tail="\n" if after else "")
        return replace(self, parts=(*before[:-1], _apart(before[-1]), new, *after))

    def _place(self, key: Key) -> int:
        return self.keys.index(key) + 1


def read(text: str) -> Blocks:
    """The blocks of a file that is TOML; comments that open it belong to no table."""
    parts: list[Block] = []
    lines = _Lines()
    for line in _LINE.findall(text):
        if (key := key_of(line)) is None:
            lines.add(line)
            continue
        above = lines.comments_taken() if parts or lines.has_gap else ""
        parts.append(lines.block())
        lines = _Lines(key, above, line)
    return Blocks(parts=(*parts, lines.block()))


class _Lines:
    """The lines of one block while they are read."""

    def __init__(self, key: Key = ("", ""), above: str = "", line: str = "") -> None:
        self._key, self._above, self._body = key, above, line
        self._tail: list[str] = []

    def add(self, line: str) -> None:
        if line.lstrip()[:1] in ("", "#"):
            self._tail.append(line)
        else:
            self._body += "".join(self._tail) + line
            self._tail = []

    @property
    def has_gap(self) -> bool:
        """Whether an empty line stands between what opens the file and the comments at the end."""
        return any(not line.strip() for line in self._tail)

    def comments_taken(self) -> str:
        """Take the comments at the end away: they stand right above the next table."""
        first = len(self._tail)
        while first and self._tail[first - 1].strip():
            first -= 1
        taken, self._tail = self._tail[first:], self._tail[:first]
        return "".join(taken)

    def block(self) -> Block:
        return Block(key=self._key, above=self._above, body=self._body, tail="".join(self._tail))


def key_of(line: str) -> Key | None:
    """The two names of the table that ``line`` begins; None when it begins none."""
    if not line.lstrip().startswith("["):
        return None
    try:
        ((first, inner),) = tomllib.loads(line).items()
    except ValueError:
        return None
    return (first, next(iter(inner))) if isinstance(inner, dict) and list(inner.values()) == [{}] else None


def header(key: Key) -> str:
    """The line that begins a table."""
    return f"[{'.'.join(part if _BARE.fullmatch(part) else _quoted(part) for part in key)}]"


def _value(value: str | bool) -> str:
    return _quoted(value) if isinstance(value, str) else str(value).lower()


def _quoted(text: str) -> str:
    """A string of TOML; made visible first, for TOML has no surrogates and few controls."""
    return json.dumps(plain(text), ensure_ascii=False)


def _apart(block: Block) -> Block:
    """The block with an empty line at its end, so that a table may follow."""
    tail = block.tail
    if block.body + tail and not (block.body + tail).endswith("\n"):
        tail += "\n"
    has_gap = not block.text or block.text.endswith(("\n\n", "\n\r\n"))
    return replace(block, tail=tail if has_gap else tail + "\n")
