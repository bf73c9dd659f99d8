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
_FIELDS: dict[str, dict[str, type]] = {
    "text": {"text": str, "citations": list},
    "thinking": {"thinking": str, "signature": str},
}
"""What a block may begin with, and of which type it is then."""
_CONTENT = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
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
        """Whether it is a whole message that says something, calls a tool where it ends for one, and all in order."""
        says = self.blocks > 0 and (bool(self.tools) or self.stop_reason != "tool_use")
        return says and self.is_over and not self.flaw and self.stop_reason is not None


class Flaw(Exception):
    """The stream is out of order."""


def read_in_order(events: Sequence[tuple[str, str]], *, is_utf8: bool = True, is_lenient: bool = False) -> Told:
    """Read name and data of each event, up to the first that is out of order.

    Args:
        is_utf8: whether the bytes were UTF-8; otherwise a replacement character is a flaw.
        is_lenient: let pass what costs no text where nothing else is wrong: a message without its start or without its
            delta, blocks that begin inside each other or under another's index or never stop, an event under the name
            of another, and what belongs to no text. A tool call that never stops, or whose input is none, is none.
    """
    reader = _Reader(is_lenient=is_lenient)
    try:
        for event in _parsed(events, is_utf8=is_utf8, is_lenient=is_lenient):
            reader.take(event)
            if reader.told.is_over:
                break
    except Flaw as flaw:
        reader.told.flaw = str(flaw)
    return reader.told


def read_message(data: bytes) -> Told:
    """Read a message that came whole, as the JSON body of a reply; what is none tells nothing.

    Source: API reference, "Messages" (the response).
    """
    try:
        message = json_of(data)
        demand(message["type"] == "message", "it is no message")
        blocks = [(string(block["type"]), block) for block in message["content"]]
        calls = [(string(block["name"]), block.get("input")) for kind, block in blocks if kind == "tool_use"]
        tools = [call for call in calls if isinstance(call[1], dict)]
        flaw = "" if tools == calls else "the input of a tool is no object of JSON"
        return Told(
            flaw=flaw if _is_usage(message.get("usage")) else "usage is no numbers",
            text="".join(string(block["text"]) for kind, block in blocks if kind == "text"),
            tools=tools,
            stop_reason=_reason(message),
            blocks=len(blocks),
            is_over=True,
        )
    except (ValueError, RecursionError, KeyError, TypeError, Flaw):
        return Told()


def _parsed(events: Sequence[tuple[str, str]], *, is_utf8: bool, is_lenient: bool) -> Iterator[dict[str, Any]]:
    for name, data in events:
        if not data.strip() and name not in (*_KNOWN, "error"):
            continue  # a sign of life
        demand(is_utf8 or "\ufffd" not in (data if is_lenient else name + data), "bytes that are no UTF-8")
        try:
            event = json_of(data)
        except (ValueError, RecursionError):
            raise Flaw(f"the data of {name} is no JSON") from None
        if not isinstance(event, dict):
            raise Flaw(f"the data of {name} is no object")
        kind = event.get("type", name)
        if is_lenient and kind is None:
            kind = name
        if name in _KNOWN and kind != name and not (is_lenient and (kind in _KNOWN or name == "message_stop")):
            raise Flaw(f"{name} says that it is {kind}")
        if kind == "error" or name == "error" or (kind == "message" and event.get("error")):
            raise Flaw("it reports an error")
        if kind in _KNOWN:
            yield {**event, "type": kind}


@dataclass(slots=True)
class _Block:
    """A content block that has begun and not stopped."""

    start: dict[str, Any]
    input: list[str] = field(default_factory=list)


class _Reader:
    """One method for each kind of event."""

    def __init__(self, *, is_lenient: bool) -> None:
        self.told = Told()
        self._is_lenient = is_lenient
        self._has_begun = self._has_delta = False
        self._open: dict[int, _Block] = {}
        self._blocks = 0

    def take(self, event: dict[str, Any]) -> None:
        """Take the next event; raises :class:`Flaw`."""
        kind = event["type"]
        is_start = kind == "message_start"
        demand(not (is_start and self._has_begun), "message_start where the message has begun")
        self._want(is_start or self._has_begun, f"{kind} where the message has not begun")
        self._has_begun = True
        getattr(self, f"_{kind}")(event)

    def _want(self, holds: bool, otherwise: str) -> None:
        """Demand what the lenient do without."""
        demand(holds or self._is_lenient, otherwise)

    def _index(self, event: dict[str, Any]) -> int:
        """The index of the block that an event is about; -1 when it has none."""
        index = event.get("index")
        self._want(not isinstance(index, bool), "an index is no number")
        return index if isinstance(index, int) else -1

    def _message_start(self, event: dict[str, Any]) -> None:
        message = event.get("message")
        demand(isinstance(message, dict), "message_start has no message")
        assert message is not None
        self._want(_is_usage(message.get("usage")), "usage is no numbers")

    def _content_block_start(self, event: dict[str, Any]) -> None:
        block, index = event.get("content_block"), event.get("index")
        self._want(not self._has_delta, "a block begins behind the last")
        demand(self.told.stop_reason is None, "a block begins behind the last")
        self._want(not self._open, "a block begins inside another")
        self._want(index == self._blocks and not isinstance(index, bool), "a block has the wrong index")
        demand(isinstance(index, int) and index not in self._open, "a block has the wrong index")
        demand(isinstance(block, dict) and isinstance(block.get("type"), str), "a block has no type")
        assert isinstance(index, int)
        assert block is not None
        self._want(block["type"] != "tool_use" or isinstance(block.get("name"), str), "a tool has no name")
        self._blocks += 1
        self._open[index] = _Block(block)
        for name, right in _FIELDS.get(block["type"], {}).items():
            value = block.get(name, right())
            self._want(value is not None, f"{name} is null")
            demand(isinstance(value, right | None), f"{name} is no {right.__name__}")
        if block["type"] == "text":
            self.told.text += block.get("text") or ""

    def _content_block_delta(self, event: dict[str, Any]) -> None:
        delta, block = event.get("delta"), self._open.get(self._index(event))
        demand(block is not None, "a delta of no open block")
        demand(isinstance(delta, dict) and isinstance(delta.get("type"), str), "a delta has no type")
        assert block is not None
        assert delta is not None
        kind, home = delta["type"], block.start["type"]
        self._want(home in _DELTA_OF.get(kind, (home,)), f"{kind} in {home}")
        demand(kind not in _CONTENT or home in _DELTA_OF[kind], f"{kind} in {home}")
        said = string(delta.get(_CONTENT[kind])) if kind in _CONTENT else ""
        if kind == "text_delta":
            self.told.text += said
        elif kind == "input_json_delta" and home in _DELTA_OF[kind]:
            block.input.append(string(delta.get("partial_json")))

    def _content_block_stop(self, event: dict[str, Any]) -> None:
        block = self._open.pop(self._index(event), None)
        demand(block is not None, "a block stops that is not open")
        assert block is not None
        if block.start["type"] == "tool_use":
            self._tool(block)
        self.told.blocks += 1

    def _tool(self, block: _Block) -> None:
        raw = "".join(block.input)
        try:
            given = json.loads(raw) if raw else block.start.get("input", {})
        except (ValueError, RecursionError):
            given = None
        self._want(isinstance(given, dict), "the input of a tool is no object of JSON")
        if isinstance(given, dict):
            self.told.tools.append((str(block.start.get("name")), given))

    def _message_delta(self, event: dict[str, Any]) -> None:
        delta = event.get("delta")
        self._want(not self._open, "message_delta inside a block")
        self._want(isinstance(delta, dict), "message_delta has no delta")
        self._want(_is_usage(event.get("usage")), "usage is no numbers")
        self._has_delta = True
        self.told.stop_reason = (_reason(delta) if isinstance(delta, dict) else None) or self.told.stop_reason

    def _message_stop(self, event: dict[str, Any]) -> None:
        self._want(self._has_delta, "message_stop without message_delta")
        self.told.is_over = True


def demand(holds: bool, otherwise: str) -> None:
    """Raise a flaw unless something holds."""
    if not holds:
        raise Flaw(otherwise)


def _reason(holder: dict[str, Any]) -> str | None:
    reason = holder.get("stop_reason")
    demand(reason is None or isinstance(reason, str), "stop_reason is no text")
    return reason


def _is_usage(usage: Any) -> bool:
    """Whether it counts tokens, or nothing."""
    if not isinstance(usage, dict):
        return usage is None
    return all(type(usage.get(name)) is int or usage.get(name) is None for name in _COUNTS)


def string(value: Any) -> str:
    """``value``, which must be text."""
    demand(isinstance(value, str), "text is no text")
    return str(value)
