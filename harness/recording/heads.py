"""Which headers belong to a connection and not to the message, and how the body behind a head is delimited. Pure.

Sources: RFC 9110 §7.6.1 (Connection), §8.6 (Content-Length); RFC 9112 §6.3 (message body length).
"""

from __future__ import annotations

from fake_server.wire import Chunked, Framing, NoBody, Sized, UntilClose
from harness.secrets import Headers

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"}
    | {"transfer-encoding", "upgrade"}
)
IN_CHUNKS = ("transfer-encoding", "chunked")
"""Stands in a capture for a body whose own delimiting is not known, or not true any more."""
_WITHOUT_BODY = frozenset({204, 205, 304})


def end_to_end(headers: Headers, *more: str) -> Headers:
    """The headers that are meant for the other end, in their order; ``more`` names some to leave out as well."""
    named = {one.strip().lower() for name, value in headers if name.lower() == "connection" for one in value.split(",")}
    dropped = _HOP_BY_HOP | named | set(more)
    return tuple((name, value) for name, value in headers if name.lower() not in dropped)


def value_of(headers: Headers, name: str) -> str:
    """The first value of the header ``name`` (given in lower case); empty when there is none."""
    return next((value for key, value in headers if key.lower() == name), "")


def media_type(headers: Headers) -> str:
    """The type of the body, without parameters."""
    return value_of(headers, "content-type").partition(";")[0].strip().lower()


def is_stream(headers: Headers) -> bool:
    """Whether the body is an event stream whose events can be seen: it is not compressed."""
    return media_type(headers) == "text/event-stream" and not is_coded(headers)


def is_coded(headers: Headers) -> bool:
    """Whether the head says that the body is compressed."""
    said = [value for name, value in headers if name.lower() == "content-encoding"]
    return any(one.strip().lower() not in ("", "identity") for value in said for one in value.split(","))


def is_compressed(headers: Headers, body: bytes) -> bool:
    """Whether the body is compressed, so that nobody sees what is in it: text is not, whatever the head says."""
    return is_coded(headers) and not _is_text(body)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def declared(headers: Headers) -> int | None:
    """The length that the head declares; None when it declares none."""
    length = value_of(headers, "content-length").strip()
    return int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None


def framing_of(status: int, headers: Headers, *, method: str = "POST", is_http_1: bool = True) -> Framing:
    """How to delimit the body when the answer is passed on: as it was, but an event stream always goes in chunks.

    Args:
        is_http_1: whether the answer came by HTTP/1; later versions delimit bodies by themselves.
    """
    length = declared(headers)
    if method == "HEAD" or status in _WITHOUT_BODY or status < 200:
        return NoBody(length if status != 204 else None)
    is_chunked = "chunked" in value_of(headers, "transfer-encoding").lower()
    if length is not None and not is_chunked and not is_stream(headers):
        return Sized()
    return UntilClose() if is_http_1 and length is None and not is_chunked else Chunked()
