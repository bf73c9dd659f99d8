"""What a request says of an answer that broke off: which one it asks to continue, and how much of it is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def interrupted(body: Mapping[str, Any], texts: Iterable[str]) -> tuple[str, int]:
    """Which of ``texts`` the request asks to continue, and how many of its characters it says there are already.

    All documented ways are understood: the beginning of the assistant's turn (a prefill), and a quotation in the last
    message of the user's or in the system prompt. Without any the answer is ``("", 0)``. A turn that paused is no
    prefill.
    """
    last = body["messages"][-1] if body.get("messages") else {}
    said = _plain(last.get("content", ""))
    if is_paused(last):
        return "", 0
    if last.get("role") == "assistant":
        return next(((text, len(said)) for text in texts if said and text.startswith(said)), ("", 0))
    quotations = said + "\n" + _plain(body.get("system", ""))
    return max(((text, _quoted(text, quotations)) for text in texts), key=lambda found: found[1], default=("", 0))


def is_paused(turn: Mapping[str, Any]) -> bool:
    """Whether an assistant's turn is one that paused for a server tool."""
    content = turn.get("content")
    blocks = content if isinstance(content, list) else []
    kinds = (block.get("type") for block in blocks if isinstance(block, dict))
    return turn.get("role") == "assistant" and "server_tool_use" in kinds


_ENOUGH = 16
"""Characters from which on a quotation is one."""


def _quoted(text: str, where: str) -> int:
    """How many characters of the beginning of ``text`` stand in ``where``."""
    place = where.find(text[:_ENOUGH]) if len(text) >= _ENOUGH else -1
    if place < 0:
        return 0
    pairs = enumerate(zip(text, where[place:], strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(text), len(where) - place))


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(block.get("text", "")) for block in content)
