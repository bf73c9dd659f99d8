"""Puts the events of one message together, in order, losing nothing and inventing nothing.

Rules:

1. A delta belongs to a block that was started and has not stopped; anything else is a protocol error.
2. A block whose index was used before is a new block.
3. A tool input counts only when its block has stopped; it is then parsed strictly, whole or not at all.
4. What is not understood (block kinds, delta kinds) is kept as it came and never mixed into the text.
5. Usage is cumulative: later values replace earlier ones; unknown stays unknown.
6. A surrogate pair that was split between two deltas becomes one character; a lone half becomes U+FFFD.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, assert_never

from client_under_test.dialects.anthropic import (
    BlockDelta,
    BlockStart,
    BlockStop,
    ErrorReported,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    NoContent,
    decode_object,
)
from client_under_test.errors import ProtocolError

_TOOLS = ("tool_use", "server_tool_use")
_APPENDS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
}


@dataclass(slots=True)
class Block:
    """One content block under construction."""

    kind: str
    fields: dict[str, Any]
    parts: dict[str, list[str]] = field(default_factory=dict)
    """Pieces of the fields that come in deltas."""
    unknown: list[Any] = field(default_factory=list)
    stopped: bool = False

    def joined(self, name: str) -> str:
        """The field ``name`` with all its pieces."""
        return str(self.fields.get(name) or "") + "".join(self.parts.get(name, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool call whose input is whole."""

    id: str
    name: str
    input: dict[str, Any]


class Message:
    """One message as far as it has come."""

    def __init__(self) -> None:
        self.id: str | None = None
        self.blocks: list[Block] = []
        self.stop_reason: str | None = None
        self.usage: dict[str, Any] = {}
        self.stopped = False
        self._open: dict[int, Block] = {}
        self._started = False
        self._half = ""

    def apply(self, event: Event) -> str:
        """Take the next event and return the visible text that it adds.

        Raises:
            ProtocolError: when the event cannot follow what came before.
            ApiError: when the event reports an error.
        """
        match event:
            case BlockDelta():
                return self._delta(event)
            case BlockStart():
                return self._start_block(event)
            case BlockStop():
                return self._stop_block(event)
            case MessageStart():
                self._start(event)
            case MessageDelta():
                self.stop_reason = event.delta.get("stop_reason") or self.stop_reason
                self._count(event.usage)
            case MessageStop():
                self.stopped = True
            case ErrorReported():
                raise event.error
            case NoContent():
                pass
            case _:
                assert_never(event)
        return ""

    @property
    def text(self) -> str:
        """All text blocks, joined; the first half of a split surrogate pair is not in it yet."""
        joined = "".join(block.joined("text") for block in self.blocks if block.kind == "text")
        return whole_characters(joined)

    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls of the finished message.

        Raises:
            ProtocolError: when a tool block never stopped or its input is not one JSON object.
        """
        return tuple(_tool_call(block) for block in self.blocks if block.kind == "tool_use")

    def _start(self, event: MessageStart) -> None:
        if self._started or self.blocks:
            raise ProtocolError("a second message_start in one body")
        self._started = True
        identity = event.message.get("id")
        self.id = identity if isinstance(identity, str) else None
        self._count(event.message.get("usage") or {})

    def _start_block(self, event: BlockStart) -> str:
        if event.index in self._open:
            raise ProtocolError(f"content_block_start for block {event.index}, which has not stopped")
        block = Block(str(event.block.get("type", "unknown")), dict(event.block))
        self._open[event.index] = block
        self.blocks.append(block)
        return self._visible(str(block.fields.get("text") or "")) if block.kind == "text" else ""

    def _stop_block(self, event: BlockStop) -> str:
        block = self._open.pop(event.index, None)
        if block is None:
            raise ProtocolError(f"content_block_stop for block {event.index}, which is not open")
        block.stopped = True
        half, self._half = self._half, ""
        return whole_characters(half) if block.kind == "text" else ""

    def _delta(self, event: BlockDelta) -> str:
        block = self._open.get(event.index)
        if block is None:
            raise ProtocolError(f"content_block_delta for block {event.index}, which is not open")
        kind = event.delta.get("type")
        if kind == "input_json_delta" and block.kind in _TOOLS:
            block.parts.setdefault("json", []).append(str(event.delta.get("partial_json", "")))
            return ""
        home, name = _APPENDS.get(str(kind), (None, ""))
        if home is None and (kind != "input_json_delta" or block.kind not in ("text", "thinking")):
            block.unknown.append(dict(event.delta))
            return ""
        piece = event.delta.get(name)
        if home is None or home != block.kind or not isinstance(piece, str):
            raise ProtocolError(f"{kind} in block {event.index}, which is a {block.kind} block, with {name} {piece!r}")
        block.parts.setdefault(name, []).append(piece)
        return self._visible(piece) if home == "text" else ""

    def _visible(self, piece: str) -> str:
        """Characters that are whole now; a high surrogate waits for the next piece."""
        piece, self._half = self._half + piece, ""
        if piece and 0xD800 <= ord(piece[-1]) < 0xDC00:
            piece, self._half = piece[:-1], piece[-1]
        return whole_characters(piece)

    def _count(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self.usage.update({key: value for key, value in usage.items() if value is not None})


def whole_characters(text: str) -> str:
    """``text`` with surrogate pairs joined and lone surrogates replaced by U+FFFD, so that any sink can encode it."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def message_of(body: dict[str, Any]) -> Message:
    """The message in a non-streaming response.

    Raises:
        ProtocolError: when ``body`` is not a message.
    """
    content = body.get("content")
    if body.get("type") != "message" or not isinstance(content, list):
        raise ProtocolError(f"expected a message, got JSON with type {body.get('type')!r}")
    message = Message()
    message.apply(MessageStart(body))
    for index, block in enumerate(content):
        if not isinstance(block, dict):
            raise ProtocolError(f"content block {index} is not an object")
        message.apply(BlockStart(index, block))
        message.apply(BlockStop(index))
    message.stop_reason = body.get("stop_reason")
    message.stopped = True
    return message


def _tool_call(block: Block) -> ToolCall:
    name = str(block.fields.get("name", ""))
    if not block.stopped:
        raise ProtocolError(f"the input of tool {name!r} never ended")
    raw = block.joined("json")
    given = block.fields.get("input")
    arguments = decode_object(raw.encode("utf-8", "surrogatepass"), f"tool {name}") if raw else dict(given or {})
    return ToolCall(id=str(block.fields.get("id", "")), name=name, input=arguments)
