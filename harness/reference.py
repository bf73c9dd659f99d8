"""The oracle's own reader: HTTP/1.1, Server-Sent Events and Claude messages, slow and obvious.

Other dialects are read by ``harness/dialects``.

It shares no code with the client it judges nor with the server that wrote the bytes. Where the standards leave a
choice it says what was on the wire and leaves the judgement to the laws.

Sources: RFC 9112 §6-7; WHATWG HTML §9.2.6; API reference, "Streaming messages".
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

UNNAMED = "unknown"
"""The kind of an error whose reply names none."""


@dataclass(slots=True)
class Response:
    """What a correct reader makes of the bytes of one reply."""

    status: int | None = None
    """None when not even a status line was whole."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_utf8: bool = True
    """Whether the body is text as it should be; its last character may be cut."""
    ended: bool = False
    """Whether HTTP says that the body is whole."""
    events: list[tuple[str, str]] = field(default_factory=list)
    """Name and data of each SSE event that was closed by a blank line."""
    text: str = ""
    """Text of all text deltas (or of the message, when it is no stream), up to the end of the message."""
    stop_reason: str | None = None
    """The last one that was sent, in the words of the Messages API."""
    usage: dict[str, int] = field(default_factory=dict)
    """The last count of each kind of token, in the words of the Messages API."""
    counted: bool = False
    """Whether the last count of the message was sent."""
    started: bool = False
    """Whether a message began."""
    signatures: list[str] = field(default_factory=list)
    """Whole signatures of thinking blocks."""
    terminal: bool = False
    """Whether the answer's end was sent: a ``stop_reason`` or ``message_stop``."""
    error_kind: str | None = None
    """What an error body or an error event calls its error: ``error.type``; in OpenAI's dialects the code, if any."""

    @property
    def media_type(self) -> str:
        """The type of the body, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Words:
    """How a dialect says what it says. Both functions fill a response whose body is there, and whose events are."""

    in_json: Callable[[Response], None]
    in_stream: Callable[[Response], None]


def read_reply(wire: bytes, words: Words | None = None) -> Response:
    """Read the bytes of one reply; a reply that stops early gives what was there.

    Args:
        wire: head and body.
        words: of the dialect; by default those of the Messages API.
    """
    words = words or MESSAGES
    response = Response()
    head, blank, rest = wire.partition(b"\r\n\r\n")
    if not blank:
        return response
    status_line, *lines = head.split(b"\r\n")
    status = _STATUS_LINE.match(status_line)
    if status is None:
        return response
    response.status = int(status[1])
    for line in lines:
        name, _, value = line.partition(b":")
        response.headers.setdefault(name.decode("latin-1").lower(), value.strip().decode("latin-1"))
    response.body, response.ended = _body(response.headers, rest)
    if response.headers.get("content-encoding", "").lower() == "gzip":
        response.body = _gunzip(response.body)
    if response.media_type == "application/json":
        words.in_json(response)
    else:
        response.events = read_events(response.body)
        response.is_utf8 = _is_utf8(response.body)
        words.in_stream(response)
    return response


def _body(headers: dict[str, str], rest: bytes) -> tuple[bytes, bool]:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _dechunk(rest)
    if "content-length" in headers:
        length = _number(headers["content-length"].encode("latin-1", "replace"))
        return (rest, False) if length is None else (rest[:length], len(rest) >= length)
    return rest, True


def _dechunk(rest: bytes) -> tuple[bytes, bool]:
    chunks: list[bytes] = []
    place = 0
    while True:
        end = rest.find(b"\r\n", place)
        digits = rest[place:end].split(b";")[0].strip()
        if end < 0 or not _HEX.fullmatch(digits):
            return b"".join(chunks), False
        size, place = int(digits, 16), end + 2
        if size == 0:
            return b"".join(chunks), rest.startswith(b"\r\n", place)
        chunks.append(rest[place : place + size])
        if not rest.startswith(b"\r\n", place + size):
            return b"".join(chunks), False
        place += size + 2


_HEX = re.compile(rb"[0-9A-Fa-f]{1,15}")
_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] ([2-9][0-9]{2})(?: |$)")
_DECIMAL = re.compile(rb"[0-9]{1,15}")


def _number(digits: bytes) -> int | None:
    return int(digits) if _DECIMAL.fullmatch(digits) else None


def _gunzip(data: bytes) -> bytes:
    """What can be inflated, up to the first byte that cannot."""
    inflating, found = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), b""
    for place in range(len(data)):
        try:
            found += inflating.decompress(data[place : place + 1])
        except zlib.error:
            break
    return found


def _is_utf8(body: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body)
    except UnicodeDecodeError:
        return False
    return True


def read_events(body: bytes) -> list[tuple[str, str]]:
    """The events of an event stream, as the standard's algorithm dispatches them, line by line."""
    text = body.decode("utf-8", "replace")
    text = text.removeprefix("\ufeff")
    events: list[tuple[str, str]] = []
    name, data = "", ""
    seen_data = False
    for line in _lines(text):
        if line == "":
            if seen_data:
                events.append((name or "message", data.removesuffix("\n")))
            name, data, seen_data = "", "", False
            continue
        if line.startswith(":"):
            continue
        field_name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field_name == "event":
            name = value
        elif field_name == "data":
            data += value + "\n"
            seen_data = True
    return events


def _lines(text: str) -> list[str]:
    """Lines that were ended by CR, LF or CRLF; what follows the last ending is no line yet."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]


def _read_json(response: Response) -> None:
    message = object_in(response.body)
    if isinstance(message.get("error"), dict):
        response.error_kind = message["error"].get("type")
    if message.get("type") == "message":
        content = message.get("content")
        blocks = [as_object(block) for block in content] if isinstance(content, list) else []
        response.text = "".join(_text(block) for block in blocks if block.get("type") == "text")
        response.signatures = [str(block.get("signature")) for block in blocks if block.get("type") == "thinking"]
        response.stop_reason = _reason(message)
        response.terminal = response.stop_reason is not None
        response.started = response.counted = True
        _count(response, message.get("usage"))


def _read_stream(response: Response) -> None:
    signatures: dict[str, str] = {}
    for name, data in response.events:
        if name == "error":
            error = object_in(data).get("error")
            response.error_kind = error.get("type", UNNAMED) if isinstance(error, dict) else UNNAMED
            return
        event = object_in(data)
        if not event:
            continue
        kind, delta = name if event.get("type") is None else event["type"], as_object(event.get("delta"))
        block, index = as_object(event.get("content_block")), repr(event.get("index"))
        response.started = response.started or kind in ("message_start", "content_block_start")
        if kind == "content_block_delta" and delta.get("type") == "text_delta":
            response.text += _text(delta)
        elif kind == "content_block_delta" and delta.get("type") == "signature_delta":
            signatures[index] = signatures.get(index, "") + str(delta.get("signature"))
        elif kind == "content_block_start" and block.get("type") == "text":
            response.text += _text(block)
        elif kind == "content_block_start":
            signatures[index] = str(block.get("signature") or "")
        elif kind == "content_block_stop" and signatures.get(index):
            response.signatures.append(signatures.pop(index))
        elif kind == "message_start":
            _count(response, as_object(event.get("message")).get("usage"))
        elif kind == "message_delta":
            response.stop_reason = _reason(delta) or response.stop_reason
            response.terminal = response.terminal or response.stop_reason is not None
            response.counted = response.counted or "output_tokens" in as_object(event.get("usage"))
            _count(response, event.get("usage"))
        elif kind == "message_stop":
            response.terminal = True
            return
        elif kind == "error":
            response.error_kind = as_object(event.get("error")).get("type", UNNAMED)
            return


MESSAGES = Words(_read_json, _read_stream)


def _reason(holder: dict[str, Any]) -> str | None:
    reason = holder.get("stop_reason")
    return None if reason is None else str(reason)


def _count(response: Response, usage: Any) -> None:
    for name, value in as_object(usage).items():
        if isinstance(value, int) and not isinstance(value, bool):
            response.usage[name] = value


def object_in(data: bytes | str) -> dict[str, Any]:
    """The JSON object in ``data``; an empty one where there is none."""
    try:
        return as_object(json_of(data))
    except (ValueError, RecursionError):
        return {}


@lru_cache(maxsize=1 << 8)
def json_of(data: bytes | str) -> Any:
    """The JSON in ``data``; nobody may change it, as it is read once for all who ask, and for the next attempt.

    Raises:
        ValueError, RecursionError: it is none.
    """
    return json.loads(data)


def _text(holder: dict[str, Any]) -> str:
    text = holder.get("text")
    return text if isinstance(text, str) else ""


def as_object(value: Any) -> dict[str, Any]:
    """``value`` if it is an object; an empty one where it is not."""
    return value if isinstance(value, dict) else {}
