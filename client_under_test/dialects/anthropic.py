"""The Claude Messages API as a client hears it: SSE events and JSON bodies into typed values.

Unknown events and unknown fields pass; what cannot be understood raises
:class:`~client_under_test.errors.ProtocolError`, because skipping it could leave a hole in the answer.

Source: API reference, "Streaming messages" and "Errors". The JSON's own ``type`` decides, so streams without
``event:`` lines work; the SSE event name is used where the JSON has none, and for ``error``, whose data may be
anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from client_under_test.errors import (
    ApiError,
    NotAuthorized,
    Overloaded,
    PromptTooLarge,
    ProtocolError,
    RateLimited,
    RequestRefused,
    ServerFailed,
)
from client_under_test.sse import SseEvent

VERSION = "2023-06-01"
PATH = "/v1/messages"


@dataclass(frozen=True, slots=True)
class MessageStart:
    """``message_start``: the message with no content yet."""

    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BlockStart:
    """``content_block_start``."""

    index: int
    block: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BlockDelta:
    """``content_block_delta``."""

    index: int
    delta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BlockStop:
    """``content_block_stop``."""

    index: int


@dataclass(frozen=True, slots=True)
class MessageDelta:
    """``message_delta``: the end is near; its usage is cumulative."""

    stop_reason: str | None
    usage: Mapping[str, Any]
    stop_sequence: str | None = None
    stop_details: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, delta: Mapping[str, Any], usage: Mapping[str, Any]) -> MessageDelta:
        """Read from the object that has the ``stop_`` fields.

        Raises:
            TypeError: ``stop_reason`` is no string.
        """
        sequence, details = delta.get("stop_sequence"), delta.get("stop_details")
        return cls(
            stop_reason=_text_or_none(delta, "stop_reason"),
            usage=usage,
            stop_sequence=sequence if isinstance(sequence, str) else None,
            stop_details=details if isinstance(details, dict) else None,
        )


@dataclass(frozen=True, slots=True)
class MessageStop:
    """``message_stop``: the answer is whole."""


@dataclass(frozen=True, slots=True)
class ErrorReported:
    """``error`` inside a 200."""

    error: ApiError


@dataclass(frozen=True, slots=True)
class NoContent:
    """A ping, a nameless event with no data, or a kind that this client does not know: a sign of life and no more."""

    kind: str


Event: TypeAlias = (
    MessageStart | BlockStart | BlockDelta | BlockStop | MessageDelta | MessageStop | ErrorReported | NoContent
)


_KINDS = frozenset(
    ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta")
)
"""Events that say something, so that one without data has lost it."""


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
    kind = sse.name if fields.get("type") is None else fields["type"]
    if sse.name in _KINDS and kind not in (*_KINDS, "message_stop", "error"):
        raise ProtocolError(f"event {sse.name!r} says that it is {kind!r}: {_snippet(sse.raw)}")
    try:
        return _typed(kind, fields, sse.raw)
    except (KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"event {kind!r} lacks or misuses field {error}: {_snippet(sse.raw)}") from error


def _typed(kind: Any, fields: Mapping[str, Any], raw: bytes) -> Event:
    match kind:
        case "content_block_delta":
            return BlockDelta(_index(fields), _of_a_type(_object(fields, "delta")))
        case "content_block_start":
            return BlockStart(_index(fields), _of_a_type(_object(fields, "content_block")))
        case "content_block_stop":
            return BlockStop(_index(fields))
        case "message_start":
            return MessageStart(_object(fields, "message"))
        case "message_delta":
            return MessageDelta.of(_object(fields, "delta"), fields.get("usage") or {})
        case "message_stop":
            return MessageStop()
        case "error":
            return ErrorReported(error_in_stream(raw))
        case _:
            return NoContent(str(kind))


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields[name]
    if not isinstance(value, dict):
        raise TypeError(f"{name!r} (not an object)")
    return value


def _of_a_type(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(value["type"], str):
        raise TypeError("'type' (not a string)")
    return value


def _text_or_none(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name!r} (not a string)")
    return value


def _index(fields: Mapping[str, Any]) -> int:
    value = fields["index"]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("'index' (not a number)")
    return value


def decode_object(raw: bytes, where: str) -> dict[str, Any]:
    """The JSON object in ``raw``, strictly: valid UTF-8, one object, nothing after it.

    Raises:
        ProtocolError: naming ``where`` and the beginning of what was there.
    """
    try:
        value = _decode(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{where!r} does not carry valid JSON ({error}): {_snippet(raw)}") from error
    if not isinstance(value, dict):
        raise ProtocolError(f"{where!r} carries JSON that is not an object: {_snippet(raw)}")
    return value


def _no_such_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_no_such_constant).decode


def error_in_stream(raw: bytes) -> ApiError:
    """The error of an ``error`` event, whatever its data look like; the raw text is kept when it is not JSON."""
    kind, message = _error_fields(raw)
    return _BY_KIND.get(kind or "", ServerFailed)(message, status=200, kind=kind)


def error_of_status(status: int, raw: bytes, should_retry: str | None = None) -> ApiError:
    """The error of a response with an error status; ``x-should-retry`` overrules the table of statuses both ways."""
    kind, message = _error_fields(raw)
    error = _class_of(status)(f"HTTP {status}: {message}", status=status, kind=kind)
    if should_retry in ("true", "false"):
        error.retryable = should_retry == "true"
    return error


def _error_fields(raw: bytes) -> tuple[str | None, str]:
    try:
        error = json.loads(raw)["error"]
        return str(error["type"]), str(error.get("message", error["type"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, _snippet(raw) or "no error text"


def _class_of(status: int) -> type[ApiError]:
    if status == 429:
        return RateLimited
    if status == 529:
        return Overloaded
    if status in (401, 403):
        return NotAuthorized
    if status == 413:
        return PromptTooLarge
    return ServerFailed if status in (408, 409) or status >= 500 else RequestRefused


_BY_KIND: Mapping[str, type[ApiError]] = {
    "overloaded_error": Overloaded,
    "rate_limit_error": RateLimited,
    "authentication_error": NotAuthorized,
    "permission_error": NotAuthorized,
    "invalid_request_error": RequestRefused,
    "billing_error": RequestRefused,
    "not_found_error": RequestRefused,
    "request_too_large": PromptTooLarge,
}


def _snippet(raw: bytes) -> str:
    text = raw[:120].decode("utf-8", "replace").strip()
    return text + ("…" if len(raw) > 120 else "")
