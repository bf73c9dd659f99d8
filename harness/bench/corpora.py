"""What parsers are given to read: streams of the Messages API, each with what a right reader makes of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from fake_server.answer import Answer
from fake_server.blocks import Block, text_block, tool_block
from fake_server.effects import Send
from fake_server.script import Request
from fake_server.text import story

_STREAMED = Request(attempt=1, seed="bench", body={"stream": True})
_BLOCKS, _SENTENCES, _WORDS = 2, 200, 3
_BIG_DELTA = 1 << 16
_COMMA = re.compile(r",(?=\")")
"""Between two members of an object; what is said has none."""


SIZES: Mapping[str, int] = {"64KiB": 1 << 16, "1.4KB": 1400, "event": 0, "16": 16, "1": 1}
"""How many bytes each read has, by the name of the chunking; 0 is one event for each read."""


@dataclass(frozen=True)
class Corpus:
    """One stream, whole."""

    name: str
    about: str
    blocks: tuple[Block, ...]
    written: Callable[[Send], bytes] = lambda send: send.data
    """How an event is put into bytes; the same event for a right reader."""

    @cached_property
    def pieces(self) -> tuple[bytes, ...]:
        """Its bytes, a piece for each event."""
        return tuple(self.written(send) for send in self._sends)

    @cached_property
    def data(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)

    @cached_property
    def events(self) -> tuple[tuple[str, str], ...]:
        """Name and data of each event; data that is JSON is so however its lines were broken."""
        lines = (one.split(b"\n") for one in re.split(rb"\n\n", self._plain) if one)
        return tuple((_values(event, b"event")[0], "\n".join(_values(event, b"data"))) for event in lines)

    @cached_property
    def says(self) -> list[Any]:
        """What the message has in the end: the text of each block, or the input of its tool."""
        return [one.whole["text"] if one.whole["type"] == "text" else one.whole["input"] for one in self.blocks]

    @property
    def _plain(self) -> bytes:
        text = self.data.replace(b"\r\n", b"\n")
        return re.sub(rb"(?m)^:.*\n\n?", b"", text)

    @cached_property
    def _sends(self) -> tuple[Send, ...]:
        body = Answer(blocks=self.blocks).reply(_STREAMED).body
        return tuple(one for one in body if isinstance(one, Send))


def _values(lines: list[bytes], field: bytes) -> list[str]:
    start = field + b": "
    return [line[len(start) :].decode() for line in lines if line.startswith(start)]


def _story(name: str) -> str:
    return story(f"bench/{name}", _SENTENCES)


def _text() -> tuple[Block, ...]:
    return tuple(text_block(_story(str(number)), words=_WORDS) for number in range(_BLOCKS))


def _elsewhere() -> tuple[Block, ...]:
    return tuple(text_block(_story(str(number)).translate(_FAR_LETTERS), words=_WORDS) for number in range(_BLOCKS))


_FAR_LETTERS = {ord(one): 0x3042 + 3 * place for place, one in enumerate("abcdefghijklmnopqrst")} | {
    ord(one): 0x1F600 + place for place, one in enumerate("uvwxyz")
}


def _tools() -> tuple[Block, ...]:
    rows = [{"line": number, "text": _story(f"tool{number % 4}")[: 50 + number % 90]} for number in range(1_500)]
    return (text_block("I write the file.", words=1), tool_block("write_file", {"rows": rows}, piece=_BIG_DELTA))


def _crlf(send: Send) -> bytes:
    return send.data.replace(b"\n", b"\r\n")


def _in_lines(send: Send) -> bytes:
    head, mark, data = send.data.decode().partition("data: ")
    return (head + mark + _COMMA.sub(",\ndata: ", data)).encode()


def _after_comments(send: Send) -> bytes:
    return b": keep-alive 2026-11-29T02:33:56Z, nothing to say yet\n\n" * 3 + send.data


@cache
def corpora() -> Mapping[str, Corpus]:
    """All corpora by name."""
    text = _text()
    every = (
        Corpus("text", "an answer in English, one event for three words", text),
        Corpus("crlf", "the same with CRLF at the end of each line", text, _crlf),
        Corpus("non-ascii", "the same in letters of three and four bytes", _elsewhere()),
        Corpus("tools", "one tool call, 64 KB in each delta", _tools()),
        Corpus("lines", "the same answer, each member of the JSON on a data line of its own", text, _in_lines),
        Corpus("comments", "the same answer, three comments before each event", text, _after_comments),
    )
    return {one.name: one for one in every}
