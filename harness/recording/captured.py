"""Tells what kind of capture a file is, and reads it."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UsageError
from harness.recording import capture, curl, har, sse
from harness.recording.capture import Exchange

_MOST_BYTES = 256 << 20


def read(path: Path) -> list[Exchange]:
    """The exchanges in a file, in their order.

    Raises:
        UsageError: it cannot be read, is too large, is no capture, or is damaged; names the place.
    """
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= _MOST_BYTES else b""
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if size > _MOST_BYTES:
        raise UsageError(
            f"{path} has {size:,} bytes: expected a capture of {_MOST_BYTES:,} at most; cut out what matters"
        )
    return exchanges_in(data, str(path))


def exchanges_in(data: bytes, where: str) -> list[Exchange]:
    """The exchanges in a capture of any kind.

    Raises:
        UsageError: it is none, or damaged; names the place.
    """
    if capture.is_capture(data):
        return capture.exchanges_in(data, where)
    if har.is_har(data):
        return har.exchanges_in(data, where)
    if curl.is_curl_output(data):
        return curl.exchanges_in(data, where)
    if sse.is_stream_of_events(data):
        return sse.exchanges_in(data)
    raise UsageError(
        f"{where} is no capture: expected what `streamproof proxy --record`, `curl -i` or `curl -N` wrote, "
        "or an HTTP archive (HAR)"
    )
