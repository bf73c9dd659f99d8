"""A capture in the HTTP Archive format: what browsers, mitmproxy and Charles export. Pure.

Source: HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/): contents are decoded, and base64 where they say so.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from harness.place import Place
from harness.recording.capture import Exchange
from harness.recording.heads import IN_CHUNKS, declared, end_to_end, is_stream
from harness.recording.sse import in_pieces
from harness.secrets import Headers

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(r"[\0\r\ud800-\udfff]")


def is_har(data: bytes) -> bool:
    """Whether ``data`` is JSON, as an archive is."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def exchanges_in(data: bytes, where: str) -> list[Exchange]:
    """The entries of the archive in the order in which they began.

    Raises:
        UsageError: the file is no archive, or damaged; names the place.
    """
    try:
        archive = json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise Place(where).error(f"it is not JSON: {error}") from None
    place = Place(where)
    log, place = _field(archive, "log", dict, place)
    entries, place = _field(log, "entries", list, place)
    found = [_exchange(entry, place.item(number)) for number, entry in enumerate(entries)]
    return sorted(found, key=lambda one: one.began or 0.0)


def _exchange(entry: Any, at: Place) -> Exchange:
    request, to = _field(entry, "request", dict, at)
    response, back = _field(entry, "response", dict, at)
    status = _field(response, "status", int, back)[0]
    headers = _headers(response, back)
    body = _body(response, back)
    headers = _delimited(end_to_end(headers, "content-encoding"), body)
    return Exchange(
        began=_began(entry, at),
        method=_field(request, "method", str, to)[0],
        url=_field(request, "url", str, to)[0],
        request_headers=_request_headers(request),
        status=status or None,  # a browser writes 0 where no answer came
        headers=headers,
        pieces=in_pieces(body, is_stream=is_stream(headers)),
        ended="end" if status else "unreachable",
    )


def _delimited(headers: Headers, body: bytes) -> Headers:
    """Headers that say truly how long the body is: an archive has it without its compression and its chunks."""
    if declared(headers) == len(body) and not is_stream(headers):
        return headers
    return (*end_to_end(headers, "content-length"), IN_CHUNKS)


def _body(response: Any, at: Place) -> bytes:
    content, place = _field(response, "content", dict, at)
    text, encoding = content.get("text", ""), content.get("encoding", "")
    if not isinstance(text, str):
        raise place.field("text").wrong("a string", text)
    if encoding == "base64":
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            raise place.field("text").wrong("bytes as base64", text) from None
    if encoding:
        raise place.field("encoding").wrong("base64, or none", encoding)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise place.field("text").error(f"{error.object[error.start]!r} is half a character") from None


def _request_headers(request: dict[str, Any]) -> Headers:
    """The headers of a request, as far as there are any: they are nowhere served, and tell only what its keys are."""
    listed = request.get("headers")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    pairs = [(one.get("name"), one.get("value")) for one in found]
    return tuple((name, value) for name, value in pairs if isinstance(name, str) and isinstance(value, str))


def _headers(response: Any, at: Place) -> Headers:
    listed, place = _field(response, "headers", list, at)
    return tuple(one for number, header in enumerate(listed) for one in _header(header, place.item(number)))


def _header(header: Any, at: Place) -> Iterator[tuple[str, str]]:
    """One header, or several of one name: browsers join their values with newlines."""
    name, value = _field(header, "name", str, at)[0], _field(header, "value", str, at)[0]
    if name.startswith(":"):
        return  # HTTP/2 has the status among its headers
    if not _NAME.fullmatch(name):
        raise at.field("name").wrong("the name of a header", name)
    if _BAD_VALUE.search(value):
        raise at.field("value").wrong("the value of a header", value)
    for one in value.split("\n"):
        yield name, one


def _began(entry: Any, at: Place) -> float:
    text, place = _field(entry, "startedDateTime", str, at)
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise place.wrong("a date such as 2026-01-31T12:00:00.000Z", text) from None


def _field(owner: Any, name: str, kind: type[Any], at: Place) -> tuple[Any, Place]:
    """The field of that name and its place; it must be there and of that kind."""
    if not isinstance(owner, dict):
        raise at.wrong("a JSON object", owner)
    value = owner.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise at.field(name).wrong(
            {dict: "a JSON object", list: "a list", int: "an integer"}.get(kind, "a string"), value
        )
    return value, at.field(name)
