"""The order in which a stream may say things, and where one first breaks it. Pure, slow and obvious.

What is in order and still not what the model said, nobody can tell from the stream: a client cannot be blamed for it.

Source: API reference, "Streaming messages" (event flow, content block types).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.reference import json_of

_DELTA_OF = {
    "text_delta": ("text",),
    "citations_delta": ("text",),
    "thinking_delta": ("thinking",),
    "signature_delta": ("thinking",),
    "input_json_delta": ("tool_use", "server_tool_use", "mcp_tool_use"),
}
_CONTENT = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_KNOWN = (
    "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"
)  # fmt: skip


@dataclass(slots=True)
class Told:
    """What a stream tells up to its first flaw, or to its end."""

    flaw: str = ""
    """What is out of order first; empty when nothing is."""
    text: str = ""
    tools: list[tuple[str, Any]] = field(default_factory=list)
    """Name and input of each tool call whose block is whole."""
    stop_reason: str | None = None
    blocks: int = 0
    """Content blocks that are whole."""
    is_over: bool = False
    """Whether ``message_stop`` came."""

    @property
    def is_flawless(self) -> bool:
        """Whether it is a whole message that says something, and all in order."""
        return self.is_over and not self.flaw and self.stop_reason is not None and self.blocks > 0


class _Flaw(Exception):
    """The stream is out of order."""


def read_in_order(events: Sequence[tuple[str, str]], *, is_utf8: bool = True, is_lenient: bool = False) -> Told:
    """Read name and data of each event, up to the first that is out of order.

    Args:
        is_utf8: whether the bytes were UTF-8; otherwise a replacement character is a flaw.
        is_lenient: let pass what a careful client may let pass: a message without its start, and one whose last block
            never stops, unless that is a tool call.
    """
    reader = _Reader(is_lenient=is_lenient)
    try:
        for event in _parsed(events, is_utf8=is_utf8):
            reader.take(event)
            if reader.told.is_over:
                break
    except _Flaw as flaw:
        reader.told.flaw = str(flaw)
    return reader.told


def read_message(data: bytes) -> Told:
    """Read a message that came whole, as the JSON body of a reply; what is none tells nothing.

    Source: API reference, "Messages" (the response).
    """
    try:
        message = json_of(data)
        blocks = [block for block in message["content"] if isinstance(block["type"], str)]
        return Told(
            text="".join(_string(block["text"]) for block in blocks if block["type"] == "text"),
            tools=[(str(block["name"]), block["input"]) for block in blocks if block["type"] == "tool_use"],
            stop_reason=_string(message["stop_reason"]),
            blocks=len(blocks),
            is_over=True,
        )
    except (ValueError, RecursionError, KeyError, TypeError, _Flaw):
        return Told()


def _parsed(events: Sequence[tuple[str, str]], *, is_utf8: bool) -> Iterator[dict[str, Any]]:
    for name, data in events:
        if not data.strip() and name not in (*_KNOWN, "error"):
            continue  # a sign of life
        _demand(is_utf8 or "\ufffd" not in name + data, "bytes that are no UTF-8")
        try:
            event = json_of(data)
        except (ValueError, RecursionError):
            raise _Flaw(f"the data of {name} is no JSON") from None
        if not isinstance(event, dict):
            raise _Flaw(f"the data of {name} is no object")
        kind = event.get("type", name)
        if name in _KNOWN and kind != name:
            raise _Flaw(f"{name} says that it is {kind}")
        if kind == "error" or name == "error":
            raise _Flaw("it reports an error")
        if kind in _KNOWN:
            yield {**event, "type": kind}


class _Reader:
    """One method for each kind of event."""

    def __init__(self, *, is_lenient: bool) -> None:
        self.told = Told()
        self._is_lenient = is_lenient
        self._has_begun = self._has_delta = False
        self._open: dict[str, Any] | None = None
        self._input: list[str] = []

    def take(self, event: dict[str, Any]) -> None:
        """Take the next event; raises :class:`_Flaw`."""
        kind = event["type"]
        self._has_begun = self._has_begun or (self._is_lenient and kind != "message_start")
        _demand(self._has_begun != (kind == "message_start"), f"{kind} where the message {self._where}")
        getattr(self, f"_{kind}")(event)

    @property
    def _where(self) -> str:
        return "has begun" if self._has_begun else "has not begun"

    def _message_start(self, event: dict[str, Any]) -> None:
        _demand(isinstance(event.get("message"), dict), "message_start has no message")
        self._has_begun = True

    def _content_block_start(self, event: dict[str, Any]) -> None:
        block = event.get("content_block")
        _demand(self._open is None and not self._has_delta, "a block begins inside another, or behind the last")
        _demand(event.get("index") == self.told.blocks, "a block has the wrong index")
        _demand(isinstance(block, dict) and isinstance(block.get("type"), str), "a block has no type")
        self._open, self._input = block, []
        if block is not None and block["type"] == "text":
            self.told.text += _string(block.get("text", ""))

    def _content_block_delta(self, event: dict[str, Any]) -> None:
        delta = event.get("delta")
        _demand(self._open is not None and event.get("index") == self.told.blocks, "a delta of no open block")
        _demand(isinstance(delta, dict) and isinstance(delta.get("type"), str), "a delta has no type")
        assert self._open is not None
        assert delta is not None
        kind = delta["type"]
        _demand(self._open["type"] in _DELTA_OF.get(kind, (self._open["type"],)), f"{kind} in {self._open['type']}")
        said = _string(delta.get(_CONTENT[kind])) if kind in _CONTENT else ""
        if kind == "text_delta":
            self.told.text += said
        elif kind == "input_json_delta":
            self._input.append(_string(delta.get("partial_json")))

    def _content_block_stop(self, event: dict[str, Any]) -> None:
        _demand(self._open is not None and event.get("index") == self.told.blocks, "a block stops that is not open")
        assert self._open is not None
        if self._open["type"] == "tool_use":
            self._tool(self._open)
        self._open, self.told.blocks = None, self.told.blocks + 1

    def _tool(self, block: dict[str, Any]) -> None:
        raw = "".join(self._input)
        try:
            given = json.loads(raw) if raw else block.get("input", {})
        except (ValueError, RecursionError):
            raise _Flaw("the input of a tool is no JSON") from None
        _demand(isinstance(given, dict), "the input of a tool is no object")
        self.told.tools.append((str(block.get("name")), given))

    def _message_delta(self, event: dict[str, Any]) -> None:
        delta = event.get("delta")
        if self._open is not None and self._is_lenient and self._open["type"] not in _DELTA_OF["input_json_delta"]:
            self._open, self.told.blocks = None, self.told.blocks + 1
        _demand(self._open is None, "message_delta inside a block")
        _demand(isinstance(delta, dict), "message_delta has no delta")
        assert delta is not None
        reason = delta.get("stop_reason")
        _demand(reason is None or isinstance(reason, str), "stop_reason is no text")
        self._has_delta = True
        self.told.stop_reason = reason or self.told.stop_reason

    def _message_stop(self, event: dict[str, Any]) -> None:
        _demand(self._has_delta, "message_stop without message_delta")
        self.told.is_over = True


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _Flaw(otherwise)


def _string(value: Any) -> str:
    _demand(isinstance(value, str), "text is no text")
    return str(value)
