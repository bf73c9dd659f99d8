"""What a model can say, piece by piece, in the form of the Messages API; other dialects say the same in their words.

Source: API reference, "Streaming messages" (content block types).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fake_server.text import story


@dataclass(frozen=True, slots=True)
class Block:
    """One content block: the object in ``content_block_start``, the deltas after it, and the whole of it."""

    start: dict[str, Any]
    deltas: tuple[dict[str, Any], ...]
    whole: dict[str, Any]


def text_block(text: str, *, words: int = 4, pieces: tuple[str, ...] | None = None) -> Block:
    """A text block, streamed ``words`` words at a time, or as exactly ``pieces`` (which may hold lone surrogates)."""
    parts = _by_words(text, words) if pieces is None else pieces
    deltas = tuple({"type": "text_delta", "text": part} for part in parts)
    return Block({"type": "text", "text": ""}, deltas, {"type": "text", "text": text})


def thinking_block(thinking: str, signature: str | None = "EqQBCgIYAhIkstreamproofSignature") -> Block:
    """A thinking block; ``signature`` None leaves it unsigned, as a cut does."""
    deltas = [{"type": "thinking_delta", "thinking": part} for part in _by_words(thinking, 6)]
    if signature is not None:
        deltas.append({"type": "signature_delta", "signature": signature})
    whole = {"type": "thinking", "thinking": thinking, "signature": signature or ""}
    return Block({"type": "thinking", "thinking": "", "signature": ""}, tuple(deltas), whole)


def tool_block(name: str, arguments: dict[str, Any] | str, *, kind: str = "tool_use", piece: int = 12) -> Block:
    """A tool call whose input is streamed ``piece`` characters at a time; a string is sent as it is, even if broken."""
    raw = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    identity = {"id": f"{'srvtoolu' if kind == 'server_tool_use' else 'toolu'}_{name}", "name": name}
    parts = ["", *(raw[i : i + piece] for i in range(0, len(raw), piece))]
    deltas = tuple({"type": "input_json_delta", "partial_json": part} for part in parts)
    whole = {"type": kind, **identity, "input": arguments if isinstance(arguments, dict) else {}}
    return Block({"type": kind, **identity, "input": {}}, deltas, whole)


def whole_block(block: dict[str, Any]) -> Block:
    """A block that is sent at once and has no deltas: tool results, ``redacted_thinking``, kinds yet unknown."""
    return Block(block, (), block)


def _by_words(text: str, words: int) -> tuple[str, ...]:
    parts = re.findall(r"[^ ]* ?", text)[:-1]
    return tuple("".join(parts[i : i + words]) for i in range(0, len(parts), words))


@lru_cache(maxsize=1 << 10)
def story_block(seed: str, sentences: int) -> Block:
    """A text block with a story drawn from ``seed``."""
    return text_block(story(seed, sentences))


def text_of(blocks: Iterable[Block]) -> str:
    """All text in ``blocks``, joined."""
    return "".join(block.whole["text"] for block in blocks if block.whole["type"] == "text")


def without(blocks: Iterable[Block], said: int) -> tuple[Block, ...]:
    """The blocks without the first ``said`` characters of their text, and without tool calls."""
    rest = []
    for block in blocks:
        if block.whole["type"] == "tool_use":
            continue
        if block.whole["type"] == "text":
            text = block.whole["text"]
            said, text = max(0, said - len(text)), text[said:]
            block = text_block(text)
        rest.append(block)
    return tuple(rest)
