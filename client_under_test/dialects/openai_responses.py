"""OpenAI's Responses API: SSE events and JSON bodies into typed values.

Rules:

1. The end is ``response.completed``, ``response.incomplete``, ``response.failed`` or ``error``; ``[DONE]`` is none.
2. ``sequence_number`` rises by one. Where it is there, a gap is a hole and a repetition is a repetition in the answer:
   both are protocol errors.
3. What an event says as a whole (``….done``, ``response.completed``) is the truth about the pieces before it: a part of
   which no piece came is taken from it, one that differs is a protocol error. A final response without ``output`` says
   nothing.
4. A refusal is no text: it makes the outcome ``refused``, and what it says is kept beside.
5. Items of other kinds (reasoning, web searches) are kept as they came when they are done, to be sent back.

Source: API reference, "Responses: streaming events".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from client_under_test.answer import Outcome
from client_under_test.dialects.dialect import Dialect, Reader
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
from client_under_test.dialects.openai import OpenAi
from client_under_test.dialects.reading import decode_object, object_of, snippet, text_or_none, whole_characters
from client_under_test.errors import ApiError, ProtocolError
from client_under_test.sse import SseEvent

_PARTS = {"output_text": "text", "refusal": "refusal"}
"""Parts of a message that are read, and the kinds of their blocks."""
_FIELDS = {"text": "text", "refusal": "refusal", "tool_use": "partial_json"}
_DELTAS = {"text": "text_delta", "refusal": "refusal_delta", "tool_use": "input_json_delta"}

Place = tuple[int, int]
"""``output_index`` and ``content_index``; the latter is -1 for an item without parts."""


class OpenAiResponses(OpenAi):
    """``POST /v1/responses``."""

    path = "/responses"
    turns = "input"
    limits = ("max_output_tokens",)
    outcomes: Mapping[str | None, Outcome] = {
        "completed": Outcome.COMPLETE,
        "max_output_tokens": Outcome.TRUNCATED,
        "content_filter": Outcome.REFUSED,
    }
    calling: frozenset[str] = frozenset()
    going_on: frozenset[str] = frozenset()

    def asking(self, request: Mapping[str, Any], *, streams: bool) -> dict[str, Any]:
        """``stream`` says it either way."""
        return {**request, "stream": streams}

    def reader(self) -> Reader:
        """A reader of events."""
        return _Events(self)

    def whole(self, body: Mapping[str, Any]) -> Iterator[Event]:
        """A ``response``, or an error object."""
        if body.get("error") or body.get("status") in ("failed", "cancelled"):
            yield ErrorReported(self.error_of_response(body))
        if body.get("status") not in ("completed", "incomplete") or not isinstance(body.get("output"), list):
            raise ProtocolError(
                f"expected a response, got JSON with object {body.get('object')!r} and status {body.get('status')!r}"
            )
        yield MessageStart(_head(body))
        try:
            yield from _Output().end(body)
        except (KeyError, TypeError, AttributeError) as error:
            raise ProtocolError(f"the response lacks or misuses field {error}") from error

    def error_of_response(self, response: Mapping[str, Any]) -> ApiError:
        """The error of a response that failed; one that does not say why has its status for a kind."""
        told = {"error": response.get("error") or {"type": response.get("status")}}
        return self.error_in_stream(json.dumps(told).encode())

    def sent_back(self, content: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        """Output items: messages, function calls, and others as they came."""
        items: list[dict[str, Any]] = []
        for block in content:
            match block:
                case {"type": "text", "text": text}:
                    said = {"type": "output_text", "text": text, "annotations": []}
                    message = {**block.get("item", {}), "type": "message", "role": "assistant"}
                    if items and items[-1] == {**message, "content": items[-1].get("content")}:
                        items[-1]["content"].append(said)
                    else:
                        items.append({**message, "content": [said]})
                case {"type": "tool_use", "input": arguments}:
                    items.append({**block["item"], "arguments": json.dumps(arguments, ensure_ascii=False)})
                case {"type": "other", "item": item}:
                    items.append(item)
        return tuple(items)


class _Events:
    """Reads one stream."""

    def __init__(self, dialect: OpenAiResponses) -> None:
        self._dialect = dialect
        self._output = _Output()
        self._last: int | None = None
        self._has_begun = False

    def read(self, arrived: Iterable[SseEvent]) -> Iterator[Event]:
        """See :class:`~client_under_test.dialects.dialect.Reader`."""
        for sse in arrived:
            yield from self._one(sse)

    def _one(self, sse: SseEvent) -> Iterator[Event]:
        if sse.name == "error":
            yield ErrorReported(self._dialect.error_in_stream(sse.raw))
        elif sse.raw.strip() in (b"", b"[DONE]") and not sse.name.startswith("response."):
            yield NoContent(sse.name)
        else:
            fields = decode_object(sse.raw, sse.name)
            kind = str(fields.get("type") or ("error" if fields.get("error") else sse.name))
            self._count(fields.get("sequence_number"))
            try:
                yield from self._typed(kind, fields, sse.raw)
            except (KeyError, TypeError, AttributeError) as error:
                raise ProtocolError(f"event {kind!r} lacks or misuses field {error}: {snippet(sse.raw)}") from error

    def _count(self, number: Any) -> None:
        if not isinstance(number, int):
            return
        if self._last is not None and number != self._last + 1:
            raise ProtocolError(f"event number {number} came after number {self._last}")
        self._last = number

    def _typed(self, kind: str, fields: Mapping[str, Any], raw: bytes) -> Iterator[Event]:
        match kind:
            case "response.output_text.delta":
                yield from self._output.add(_place(fields), "text", _string(fields, "delta"))
            case "response.output_text.done":
                yield from self._output.settle(_place(fields), "text", _string(fields, "text"))
            case "response.refusal.delta":
                yield from self._output.add(_place(fields), "refusal", _string(fields, "delta"))
            case "response.refusal.done":
                yield from self._output.settle(_place(fields), "refusal", _string(fields, "refusal"))
            case "response.function_call_arguments.delta":
                yield from self._output.add(_item(fields), "tool_use", _string(fields, "delta"))
            case "response.function_call_arguments.done":
                yield from self._output.settle(_item(fields), "tool_use", _string(fields, "arguments"))
            case "response.output_item.added":
                yield from self._output.begin(_item(fields), object_of(fields, "item"))
            case "response.output_item.done":
                yield from self._output.finish(_item(fields)[0], object_of(fields, "item"))
            case "response.created" | "response.in_progress" | "response.queued":
                yield from self._begin(object_of(fields, "response"))
            case "response.completed" | "response.incomplete":
                response = object_of(fields, "response")
                yield from self._output.end({**response, "status": kind.removeprefix("response.")})
            case "response.failed" | "response.cancelled":
                response = object_of(fields, "response")
                yield ErrorReported(self._dialect.error_of_response(response))
            case "error":
                yield ErrorReported(self._dialect.error_in_stream(raw))
            case _:
                yield Progress(kind) if kind.startswith("response.") else NoContent(kind)

    def _begin(self, response: Mapping[str, Any]) -> Iterator[Event]:
        if self._has_begun:
            yield NoContent("response")
            return
        self._has_begun = True
        yield MessageStart(_head(response))


@dataclass(slots=True)
class _Part:
    """A part of the output as far as it has come."""

    index: int
    kind: str
    pieces: list[str] = field(default_factory=list)
    is_over: bool = False

    @property
    def said(self) -> str:
        return whole_characters("".join(self.pieces))


class _Output:
    """The output of one response."""

    def __init__(self) -> None:
        self._parts: dict[Place, _Part] = {}
        self._items: dict[int, Mapping[str, Any]] = {}
        """What is known of each item, without its content."""

    def begin(self, place: Place, item: Mapping[str, Any]) -> Iterator[Event]:
        """An item begins; its parts begin with their first pieces."""
        self._items[place[0]] = _bare(item)
        if item["type"] == "function_call":
            yield from self._open(place, "tool_use")
        else:
            yield Progress(str(item["type"]))

    def add(self, place: Place, kind: str, piece: str) -> Iterator[Event]:
        """A piece of a part."""
        part = self._parts.get(place)
        if part is None:
            yield from self._open(place, kind)
            part = self._parts[place]
        if part.kind != kind:
            raise ProtocolError(f"a piece of {kind} for part {place}, which has {part.kind}")
        part.pieces.append(piece)
        yield BlockDelta(part.index, {"type": _DELTAS[kind], _FIELDS[kind]: piece})

    def settle(self, place: Place, kind: str, truth: str) -> Iterator[Event]:
        """A part is told as a whole; it is over."""
        part = self._parts.get(place)
        if part is None or (not part.pieces and truth and not part.is_over):
            yield from self.add(place, kind, truth)
            part = self._parts[place]
        if part.said != whole_characters(truth):
            raise ProtocolError(f"the pieces of {kind} for part {place} do not add up to the whole of it")
        if not part.is_over:
            part.is_over = True
            yield BlockStop(part.index)
        yield Progress("done")

    def finish(self, output_index: int, item: Mapping[str, Any]) -> Iterator[Event]:
        """An item is told as a whole."""
        is_new = output_index not in self._items
        self._items.setdefault(output_index, _bare(item))
        match item["type"]:
            case "message":
                for number, part in enumerate(item.get("content") or ()):
                    if (kind := _PARTS.get(part["type"])) is not None:
                        yield from self.settle((output_index, number), kind, _string(part, _FIELDS[kind]))
            case "function_call":
                if is_new:
                    yield from self._open((output_index, -1), "tool_use")
                yield from self.settle((output_index, -1), "tool_use", _string(item, "arguments"))
            case _:
                yield from self._keep(output_index, item)
        yield Progress("done")

    def end(self, response: Mapping[str, Any]) -> Iterator[Event]:
        """The final response came: what is in its output is the truth about all that came before."""
        output = response.get("output") or ()
        if output:
            yield from self._compare(output, is_complete=response["status"] == "completed")
        for part in self._parts.values():
            if not part.is_over:
                part.is_over = True
                yield BlockStop(part.index)
        usage = response.get("usage")
        yield MessageDelta(_reason(response), usage if isinstance(usage, dict) else {})
        yield MessageStop()

    def _compare(self, output: Iterable[Mapping[str, Any]], *, is_complete: bool) -> Iterator[Event]:
        if not any(part.pieces for part in self._parts.values()):
            for number, item in enumerate(output):
                yield from self.finish(number, item)
            return
        for kind in ("text", "refusal", "tool_use"):
            said = [self._parts[place].said for place in sorted(self._parts) if self._parts[place].kind == kind]
            truth = [whole_characters(one) for one in _wholes(output, kind)]
            if "".join(said) != "".join(truth) and (is_complete or kind != "tool_use"):
                raise ProtocolError(f"the final response has other {kind} than what came before it")

    def _open(self, place: Place, kind: str) -> Iterator[Event]:
        part = self._parts[place] = _Part(len(self._parts), kind)
        item = self._items.get(place[0], {})
        block: dict[str, Any] = {"type": kind}
        if kind == "tool_use":
            block |= {"id": _string(item, "call_id"), "name": _string(item, "name"), "item": item}
        else:
            block |= {_FIELDS[kind]: "", "item": {**item, "status": "completed"} if item else {}}
        yield BlockStart(part.index, block)

    def _keep(self, output_index: int, item: Mapping[str, Any]) -> Iterator[Event]:
        place = (output_index, -1)
        if place not in self._parts:
            part = self._parts[place] = _Part(len(self._parts), "other", is_over=True)
            yield BlockStart(part.index, {"type": "other", "item": item})
            yield BlockStop(part.index)


def _wholes(output: Iterable[Mapping[str, Any]], kind: str) -> Iterator[str]:
    """What the items of an output say of one kind."""
    for item in output:
        if kind == "tool_use" and item["type"] == "function_call":
            yield _string(item, "arguments")
        for part in (item.get("content") or ()) if item["type"] == "message" else ():
            if _PARTS.get(part["type"]) == kind:
                yield _string(part, _FIELDS[kind])


def _reason(response: Mapping[str, Any]) -> str:
    """``completed``, or why it is incomplete."""
    details = response.get("incomplete_details")
    reason = text_or_none(details, "reason") if isinstance(details, dict) else None
    return "completed" if response["status"] == "completed" else reason or "incomplete"


def _head(response: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"id": response.get("id"), "model": response.get("model")}


def _bare(item: Mapping[str, Any]) -> dict[str, Any]:
    """``item`` without what comes in pieces."""
    return {name: value for name, value in item.items() if name not in ("content", "arguments")}


def _place(fields: Mapping[str, Any]) -> Place:
    """Of a part of a message."""
    return _number(fields, "output_index"), _number(fields, "content_index")


def _item(fields: Mapping[str, Any]) -> Place:
    """Of an item, or of the only part that it has."""
    return _number(fields, "output_index"), -1


def _number(fields: Mapping[str, Any], name: str) -> int:
    value = fields[name]
    if not isinstance(value, int):
        raise TypeError(f"{name!r} (not a number)")
    return value


def _string(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise TypeError(f"{name!r} (not a string)")
    return value


OPENAI_RESPONSES: Final[Dialect] = OpenAiResponses()
