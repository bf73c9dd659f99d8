"""The Claude Messages API as a client hears it: SSE events and JSON bodies into typed values.

Unknown events and unknown fields pass; what cannot be understood raises
:class:`~client_under_test.errors.ProtocolError`, because skipping it could leave a hole in the answer.

Source: API reference, "Streaming messages" and "Errors". The JSON's own ``type`` decides, so streams without
``event:`` lines work; the SSE event name is used where the JSON has none, and for ``error``, whose data may be
anything. An ``error`` with neither is what gateways write of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from msgspec import MsgspecError, Struct, field
from msgspec.json import Decoder

from client_under_test.answer import Outcome
from client_under_test.continuation import DEFAULT_TABLE, Strategy, after_pauses, continued
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
)
from client_under_test.dialects.reading import decode_object, index_of, object_of, of_a_type, snippet, text_or_none
from client_under_test.dialects.refusals import Kinds, Told, in_a_200, of_status
from client_under_test.errors import (
    ApiError,
    NotAuthorized,
    Overloaded,
    PromptTooLarge,
    ProtocolError,
    RateLimited,
    RequestRefused,
)
from client_under_test.sse import SseEvent
from client_under_test.usage import count

VERSION = "2023-06-01"
PATH = "/v1/messages"


_KINDS = frozenset(
    ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta")
)
"""Events that say something, so that one without data has lost it."""


class _Text(Struct, tag="text_delta", forbid_unknown_fields=True, frozen=True, gc=False):
    kind: ClassVar = "text_delta"
    said: str = field(name="text")


class _Input(Struct, tag="input_json_delta", forbid_unknown_fields=True, frozen=True, gc=False):
    kind: ClassVar = "input_json_delta"
    said: str = field(name="partial_json")


class _Thinking(Struct, tag="thinking_delta", forbid_unknown_fields=True, frozen=True, gc=False):
    kind: ClassVar = "thinking_delta"
    said: str = field(name="thinking")


class _Piece(Struct, tag="content_block_delta", forbid_unknown_fields=True, frozen=True, gc=False):
    """Nearly every event of a stream, with the fields that it has nearly always."""

    index: int
    delta: _Text | _Input | _Thinking


_piece = Decoder(_Piece).decode
_SAID_IN = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}


def read(arrived: Iterable[SseEvent]) -> Iterator[Event]:
    """The typed events in ``arrived``, as :func:`parse` finds them, but pieces of one block that follow each other are
    one: what arrives at once is shown at once.

    Raises:
        ProtocolError: as :func:`parse` does, behind what came before.
    """
    index, kind, said = -1, "", list[str]()
    for sse in arrived:
        if sse.name == "content_block_delta":
            try:
                piece = _piece(sse.raw)
            except (MsgspecError, UnicodeDecodeError):
                found = _rarer_piece_in(sse)
            else:
                delta = piece.delta
                if said and delta.kind == kind and piece.index == index:
                    said.append(delta.said)
                    continue
                found = piece.index, delta.kind, delta.said
        else:
            found = _rarer_piece_in(sse) if sse.name == "message" else None
        if said and (found is None or found[0] != index or found[1] != kind):
            yield _joined(index, kind, said)
            said = []
        if found is None:
            yield parse(sse)
        else:
            index, kind, more = found
            said.append(more)
    if said:
        yield _joined(index, kind, said)


def _joined(index: int, kind: str, said: Iterable[str]) -> BlockDelta:
    return BlockDelta(index, {"type": kind, _SAID_IN[kind]: "".join(said)})


def _rarer_piece_in(sse: SseEvent) -> tuple[int, str, str] | None:
    """Index, kind and text of a piece that :mod:`msgspec` does not take: with half a character, say, or no name; None
    for anything else, also for what is wrong.
    """
    try:
        event = parse(sse)
    except ProtocolError:
        return None
    if not isinstance(event, BlockDelta):
        return None
    kind = event.delta["type"]
    name = _SAID_IN.get(kind, "")
    said = event.delta.get(name)
    return (event.index, kind, said) if isinstance(said, str) and len(event.delta) == 2 else None


def parse(sse: SseEvent) -> Event:
    """The typed event in ``sse``.

    Raises:
        ProtocolError: invalid UTF-8, malformed JSON, or a known event without what it needs.
    """
    if sse.name == "error":
        return ErrorReported(error_in_stream(sse.raw))
    if not sse.raw.strip() and sse.name not in _KINDS:
        return NoContent(sse.name)
    fields = decode_object(sse.raw, sse.name)
    kind = _kind(sse.name, fields)
    if sse.name in _KINDS and kind not in (*_KINDS, "message_stop", "error"):
        raise ProtocolError(f"event {sse.name!r} says that it is {kind!r}: {snippet(sse.raw)}")
    try:
        return _typed(kind, fields, sse.raw)
    except (KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"event {kind!r} lacks or misuses field {error}: {snippet(sse.raw)}") from error


def _kind(name: str, fields: Mapping[str, Any]) -> Any:
    if fields.get("type") is not None:
        return fields["type"]
    return "error" if name == "message" and fields.get("error") else name


def _typed(kind: Any, fields: Mapping[str, Any], raw: bytes) -> Event:
    match kind:
        case "content_block_delta":
            return BlockDelta(index_of(fields), of_a_type(object_of(fields, "delta")))
        case "content_block_start":
            return BlockStart(index_of(fields), of_a_type(object_of(fields, "content_block")))
        case "content_block_stop":
            return BlockStop(index_of(fields))
        case "message_start":
            return MessageStart(object_of(fields, "message"))
        case "message_delta":
            return _end(object_of(fields, "delta"), fields.get("usage"))
        case "message_stop":
            return MessageStop()
        case "error":
            return ErrorReported(error_in_stream(raw))
        case _:
            return NoContent(str(kind))


def _end(delta: Mapping[str, Any], usage: Any) -> MessageDelta:
    """Read from the object that has the ``stop_`` fields."""
    sequence, details, container = delta.get("stop_sequence"), delta.get("stop_details"), delta.get("container")
    return MessageDelta(
        stop_reason=text_or_none(delta, "stop_reason"),
        usage=usage or {},
        stop_sequence=sequence if isinstance(sequence, str) else None,
        stop_details=details if isinstance(details, dict) else None,
        container=container if isinstance(container, dict) else None,
    )


def message(body: Mapping[str, Any]) -> Iterator[Event]:
    """The events of the message in a non-streaming response.

    Raises:
        ProtocolError: when ``body`` is not a message.
    """
    content = body.get("content")
    if body.get("type") != "message" or not isinstance(content, list):
        raise ProtocolError(f"expected a message, got JSON with type {body.get('type')!r}")
    yield MessageStart(body)
    for index, block in enumerate(content):
        if not isinstance(block, dict):
            raise ProtocolError(f"content block {index} is not an object")
        if block.get("type") == "text" and not isinstance(block.get("text"), str):
            raise ProtocolError(f"content block {index} is a text without text")
        yield BlockStart(index, block)
        yield BlockStop(index)
    try:
        yield _end(body, body.get("usage"))
    except TypeError as error:
        raise ProtocolError(f"the message misuses field {error}") from error
    yield MessageStop()


def error_in_stream(raw: bytes) -> ApiError:
    """The error of an ``error`` event, whatever its data look like; the raw text is kept when it is not JSON."""
    return in_a_200(_told(raw), _BY_KIND)


def error_of_status(status: int, raw: bytes, should_retry: str | None = None) -> ApiError:
    """The error of a response with an error status; ``x-should-retry`` overrules the table of statuses both ways."""
    return of_status(status, _told(raw), should_retry)


def _told(raw: bytes) -> Told:
    try:
        error = json.loads(raw)["error"]
        return Told((str(error["type"]),), str(error.get("message", error["type"])))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Told((), snippet(raw) or "no error text")


_BY_KIND: Kinds = {
    "overloaded_error": Overloaded,
    "rate_limit_error": RateLimited,
    "authentication_error": NotAuthorized,
    "permission_error": NotAuthorized,
    "invalid_request_error": RequestRefused,
    "billing_error": RequestRefused,
    "not_found_error": RequestRefused,
    "request_too_large": PromptTooLarge,
}


class Anthropic:
    """The Claude Messages API; see :class:`~client_under_test.dialects.dialect.Dialect`."""

    provider = "anthropic"
    api = "https://api.anthropic.com"
    key_variable = "ANTHROPIC_API_KEY"
    url_variable = "ANTHROPIC_BASE_URL"
    request_id_header = "request-id"
    outcomes: Mapping[str | None, Outcome] = {
        "end_turn": Outcome.COMPLETE,
        "stop_sequence": Outcome.COMPLETE,
        "tool_use": Outcome.COMPLETE,
        "max_tokens": Outcome.TRUNCATED,
        "model_context_window_exceeded": Outcome.TRUNCATED,
        "refusal": Outcome.REFUSED,
        "pause_turn": Outcome.PAUSED,
        "compaction": Outcome.PAUSED,
    }
    calling = frozenset({"tool_use"})
    going_on = frozenset({"pause_turn"})
    table = DEFAULT_TABLE
    cannot: frozenset[Strategy] = frozenset()

    def url(self, base: str) -> str:
        """``/v1/messages``."""
        return base.rstrip("/") + PATH

    def headers(self, key: str) -> Mapping[str, str]:
        """The key goes into ``x-api-key``."""
        return {"x-api-key": key, "anthropic-version": VERSION}

    def most_tokens(self, request: Mapping[str, Any]) -> int:
        """``max_tokens``."""
        return count(request, "max_tokens") or 0

    def asking(self, request: Mapping[str, Any], *, streams: bool) -> dict[str, Any]:
        """``stream`` says it either way."""
        return {**request, "stream": streams}

    def continued(self, request: Mapping[str, Any], partial: str, strategy: Strategy) -> dict[str, Any]:
        """See :func:`~client_under_test.continuation.continued`."""
        return continued(request, partial, strategy)

    def after_pauses(
        self,
        request: Mapping[str, Any],
        turns: Iterable[Iterable[Mapping[str, Any]]],
        container: Mapping[str, Any] | None,
    ) -> Mapping[str, Any]:
        """See :func:`~client_under_test.continuation.after_pauses`."""
        return after_pauses(request, turns, container)

    def reader(self) -> Anthropic:
        """Itself: each event says all that is to be known of it."""
        return self

    def read(self, arrived: Iterable[SseEvent]) -> Iterator[Event]:
        """See :func:`read`."""
        return read(arrived)

    def whole(self, body: Mapping[str, Any]) -> Iterator[Event]:
        """A message, or an error object."""
        if body.get("type") == "error":
            yield ErrorReported(error_in_stream(json.dumps(body).encode()))
        yield from message(body)

    def error_in_stream(self, raw: bytes) -> ApiError:
        """See :func:`error_in_stream`."""
        return error_in_stream(raw)

    def error_of_status(self, status: int, raw: bytes, should_retry: str | None = None) -> ApiError:
        """See :func:`error_of_status`."""
        return error_of_status(status, raw, should_retry)

    def sent_back(self, content: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        """The blocks, as they are: they are those of this API."""
        return tuple(content)


ANTHROPIC: Dialect = Anthropic()
