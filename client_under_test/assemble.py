"""Puts the events of one message together, in order, losing nothing and inventing nothing.

Rules:

1. A delta belongs to a block that was started and has not stopped; anything else is a protocol error.
2. A block whose index was used before is a new block.
3. A tool input counts only when its block has stopped; it is then parsed strictly, whole or not at all.
4. What is not understood (block kinds, delta kinds) is kept as it came and never mixed into the text.
5. What may be sent back is what the API takes back: thinking only with its whole signature, no blank text, and of a
   message that did not end no tool call at all.
6. Usage is cumulative: later values replace earlier ones; unknown stays unknown.
7. A surrogate pair that was split between two deltas becomes one character; a lone half becomes U+FFFD.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from client_under_test.answer import Outcome, ToolCall
from client_under_test.dialects.anthropic import ANTHROPIC
from client_under_test.dialects.dialect import Dialect
from client_under_test.dialects.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    ErrorReported,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    NoContent,
    Progress,
)
from client_under_test.dialects.reading import decode_object, whole_characters
from client_under_test.errors import ProtocolError, ToolInputBroken

_TOOLS = ("tool_use", "server_tool_use", "mcp_tool_use")
_AS_THE_MODEL_WANTED = (Outcome.COMPLETE, Outcome.PAUSED)
"""After a turn that ended in any other way its last block may be cut."""
_APPENDS = {
    "text_delta": ("text", "text"),
    "refusal_delta": ("refusal", "refusal"),
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
    citations: list[Any] = field(default_factory=list)
    unknown: list[Mapping[str, Any]] = field(default_factory=list)
    """Deltas of kinds that are not understood, as they came."""
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

    @property
    def name(self) -> str:
        """Of a tool."""
        return str(self.fields.get("name", ""))

    def tool_input(self) -> dict[str, Any]:
        """The input of a tool, whole.

        Raises:
            ToolInputBroken: it never ended, or is not one JSON object.
        """
        raw = whole_characters("".join(self.parts.get("partial_json", ())))
        if not self.stopped:
            raise self._broken("never ended", raw)
        if not raw and isinstance(given := self.fields.get("input"), dict):
            return given
        try:
            return decode_object(raw.encode(), f"tool {self.name}")
        except ProtocolError as error:
            raise self._broken(f"is no JSON object ({error.message})", raw) from error

    def _broken(self, what: str, raw: str) -> ToolInputBroken:
        return ToolInputBroken(f"the input of tool {self.name!r} {what}", tool=self.name, raw=raw)

    def sent_back(self) -> dict[str, Any]:
        """The block as the API takes it back.

        Raises:
            ToolInputBroken: the input of a tool is not whole.
        """
        if self.kind in _TOOLS:
            return {**self.fields, "input": self.tool_input()}
        joined = {name: whole_characters(self.joined(name)) for name in self.parts if name != "partial_json"}
        cited = {"citations": [*(self.fields.get("citations") or ()), *self.citations]} if self.citations else {}
        return {**self.fields, **joined, **cited}


class Message:
    """One message as far as it has come.

    Args:
        dialect: of the API that sends it.
    """

    def __init__(self, dialect: Dialect = ANTHROPIC) -> None:
        self._dialect = dialect
        self.id: str | None = None
        self.model: str | None = None
        self.blocks: list[Block] = []
        self.stop_reason: str | None = None
        self.stop_sequence: str | None = None
        self.stop_details: Mapping[str, Any] | None = None
        self.container: Mapping[str, Any] | None = None
        self.usage: dict[str, Any] = {}
        self.counted = False
        """Whether the last count of its tokens came."""
        self.stopped = False
        self._open: dict[int, Block] = {}
        self._started = False

    @property
    def started(self) -> bool:
        """Whether the model began to answer."""
        return self._started or bool(self.blocks)

    @property
    def whole(self) -> bool:
        """Whether nothing can be missing: the message stopped, or its reason came after every block had stopped."""
        return self.stopped or (self.stop_reason is not None and not self._open)

    @property
    def outcome(self) -> Outcome | None:
        """What its end means; None while there is none, and for a reason that nobody knows."""
        known = self._dialect.outcomes.get(self.stop_reason) if self._is_over else None
        return Outcome.REFUSED if known is Outcome.COMPLETE and self.refusal else known

    @property
    def refusal(self) -> str:
        """What the model said in place of an answer."""
        return whole_characters("".join(one.joined("refusal") for one in self.blocks if one.kind == "refusal"))

    @property
    def _is_over(self) -> bool:
        return self.stopped or self.stop_reason is not None

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
                self._delta_of_message(event)
            case MessageStop():
                self.stopped = True
                return "".join(block.rest() for block in self._open.values())
            case ErrorReported():
                raise event.error
            case Progress() | NoContent():
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
            ToolInputBroken: when a tool block never stopped or its input is not one JSON object.
        """
        tools = [block for block in self.blocks if block.kind == "tool_use"]
        return tuple(ToolCall(id=str(one.fields.get("id", "")), name=one.name, input=one.tool_input()) for one in tools)

    def content(self) -> tuple[dict[str, Any], ...]:
        """What may be sent back of this message as an assistant turn, whether it ended or not; blank text included,
        which may stand between other blocks and must be left out (:func:`without_blanks`)."""
        ended = self.outcome in _AS_THE_MODEL_WANTED
        kept = [block.sent_back() for block in self.blocks if self._may_be_sent_back(block, ended=ended)]
        return tuple(kept) if ended or self.text.strip() else ()

    @property
    def unknown_deltas(self) -> tuple[Mapping[str, Any], ...]:
        """Deltas of kinds that are not understood, as they came."""
        return tuple(delta for block in self.blocks for delta in block.unknown)

    def _may_be_sent_back(self, block: Block, *, ended: bool) -> bool:
        if block.kind in ("text", "refusal"):
            return True
        if block.kind == "thinking":
            return block.stopped and bool(block.joined("signature"))
        if block.kind in _TOOLS:
            return ended and _is_whole(block)
        answers = block.fields.get("tool_use_id")
        return block.stopped and (ended or answers is None)

    def _delta_of_message(self, event: MessageDelta) -> None:
        self.stop_reason = event.stop_reason or self.stop_reason
        self.stop_sequence = event.stop_sequence or self.stop_sequence
        self.stop_details = event.stop_details or self.stop_details
        self.container = event.container or self.container
        self._count(event.usage)
        counts = event.counts and isinstance(event.usage, dict) and "output_tokens" in event.usage
        self.counted = self.counted or counts

    def _start(self, event: MessageStart) -> None:
        if self.started:
            raise ProtocolError("a second message_start in one body")
        self._started = True
        identity, model = event.message.get("id"), event.message.get("model")
        self.id = identity if isinstance(identity, str) else None
        self.model = model if isinstance(model, str) else None
        self._count(event.message.get("usage") or {})

    def _start_block(self, event: BlockStart) -> str:
        self._must_go_on()
        if event.index in self._open:
            raise ProtocolError(f"content_block_start for block {event.index}, which has not stopped")
        block = _block(event.block)
        text = str(block.fields.get("text") or "") if block.kind == "text" else ""
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
        if kind == "citations_delta":
            block.citations.append(event.delta.get("citation"))
            return ""
        if kind == "compaction_delta" and block.kind == "compaction":
            block.fields.update({name: value for name, value in event.delta.items() if name != "type"})
            return ""
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


def without_blanks(content: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """``content`` without blank text, which the API refuses."""
    return tuple(block for block in content if block["type"] != "text" or block["text"].strip())


def message_of(events: Iterable[Event], dialect: Dialect = ANTHROPIC) -> Message:
    """The message that ``events`` add up to.

    Raises:
        StreamError: they do not, or report an error.
    """
    message = Message(dialect)
    for event in events:
        message.apply(event)
    return message


def _is_whole(block: Block) -> bool:
    try:
        block.tool_input()
    except ProtocolError:
        return False
    return True


_KINDS: Mapping[str, Mapping[str, type]] = {
    "text": {"text": str, "citations": list},
    "thinking": {"thinking": str, "signature": str},
    "refusal": {"refusal": str},
}
"""What the fields are that this client puts together."""


def _block(fields: Mapping[str, Any]) -> Block:
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise ProtocolError(f"a content block starts with the type {kind!r}")
    for name, wanted in _KINDS.get(kind, {}).items():
        if not isinstance(fields.get(name), wanted | None):
            raise ProtocolError(f"a {kind} block starts with {name} {fields[name]!r}")
    if kind == "tool_use" and not isinstance(fields.get("name"), str):
        raise ProtocolError("a tool_use block starts without the name of a tool")
    return Block(kind, dict(fields))
