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
    half: str = ""
    """The first half of a surrogate pair, waiting for the second."""

    def joined(self, name: str) -> str:
        """The field ``name`` with all its pieces."""
        return "".join((self.fields.get(name) or "", *self.parts.get(name, ())))

    def visible(self, piece: str) -> str:
        """The characters that are whole with ``piece``; a high surrogate waits for the next piece."""
        piece, self.half = self.half + piece, ""
        if piece and 0xD800 <= ord(piece[-1]) < 0xDC00:
            piece, self.half = piece[:-1], piece[-1]
        return whole_characters(piece)

    def rest(self) -> str:
        """What waits for a second half that never came."""
        half, self.half = self.half, ""
        return whole_characters(half)


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

    @property
    def whole(self) -> bool:
        """Whether nothing can be missing: the message stopped, or its reason came after every block had stopped."""
        return self.stopped or (self.stop_reason is not None and not self._open)

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
                self.stop_reason = event.stop_reason or self.stop_reason
                self._count(event.usage)
            case MessageStop():
                self.stopped = True
                return "".join(block.rest() for block in self._open.values())
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
        self._must_go_on()
        if event.index in self._open:
            raise ProtocolError(f"content_block_start for block {event.index}, which has not stopped")
        block = Block(str(event.block.get("type", "unknown")), dict(event.block))
        text = _text_of(block)
        self._open[event.index] = block
        self.blocks.append(block)
        return block.visible(text)

    def _stop_block(self, event: BlockStop) -> str:
        block = self._open.pop(event.index, None)
        if block is None:
            raise ProtocolError(f"content_block_stop for block {event.index}, which is not open")
        block.stopped = True
        return block.rest()

    def _delta(self, event: BlockDelta) -> str:
        block = self._open.get(event.index)
        if block is None:
            raise ProtocolError(f"content_block_delta for block {event.index}, which is not open")
        self._must_go_on()
        kind = event.delta.get("type")
        home, name = ("tool", "partial_json") if kind == "input_json_delta" else _APPENDS.get(str(kind), ("", ""))
        piece = event.delta.get(name)
        if not home or (home == "tool" and block.kind not in (*_TOOLS, "text", "thinking")):
            block.unknown.append(dict(event.delta))
            return ""
        if home != ("tool" if block.kind in _TOOLS else block.kind) or not isinstance(piece, str):
            raise ProtocolError(f"{kind} in block {event.index}, which is a {block.kind} block, with {name} {piece!r}")
        block.parts.setdefault(name, []).append(piece)
        return block.visible(piece) if home == "text" else ""

    def _must_go_on(self) -> None:
        if self.stop_reason is not None:
            raise ProtocolError(f"content after the message had ended with {self.stop_reason!r}")

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
    reason = body.get("stop_reason")
    if reason is not None and not isinstance(reason, str):
        raise ProtocolError(f"stop_reason is {reason!r}, which is no string")
    message.stop_reason = reason
    message.stopped = True
    return message


def _text_of(block: Block) -> str:
    """The text that a block starts with; only text blocks have any."""
    text = block.fields.get("text") if block.kind == "text" else None
    if text is not None and not isinstance(text, str):
        raise ProtocolError(f"a text block starts with {text!r}, which is no text")
    return text or ""


def _tool_call(block: Block) -> ToolCall:
    name = str(block.fields.get("name", ""))
    if not block.stopped:
        raise ProtocolError(f"the input of tool {name!r} never ended")
    raw = "".join(block.parts.get("partial_json", ()))
    given = block.fields.get("input")
    if raw:
        given = decode_object(whole_characters(raw).encode(), f"tool {name}")
    if not isinstance(given, dict):
        raise ProtocolError(f"the input of tool {name!r} is no JSON object")
    return ToolCall(id=str(block.fields.get("id", "")), name=name, input=given)
