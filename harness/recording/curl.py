"""A capture that `curl -i` printed: heads and bodies. Pure.

Heads without a body (100 Continue, a redirect that was followed, the answer of a proxy to CONNECT) are left out.
Several answers in one file (``curl --retry``) are told apart where each but the last declares its length.

Sources: curl's manual (``--include``, ``--location``, ``--retry``); RFC 9112 §4 (status line).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.place import Place
from harness.recording.capture import Exchange
from harness.recording.heads import IN_CHUNKS, declared, end_to_end, is_coded, is_compressed, is_stream
from harness.recording.sse import in_pieces
from harness.secrets import Headers

_STATUS_LINE = re.compile(rb"HTTP/([0-9.]+) ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*)")


def is_curl_output(data: bytes) -> bool:
    """Whether ``data`` begins as a head does."""
    return data.startswith(b"HTTP/")


def exchanges_in(data: bytes, where: str) -> list[Exchange]:
    """The answers in the output of ``curl -i``, in their order.

    Raises:
        UsageError: a head is damaged; names the byte and the line.
    """
    return list(_exchanges(data, where))


def _exchanges(data: bytes, where: str) -> Iterator[Exchange]:
    place = 0
    while place < len(data):
        status, version, headers, start = _head(data, place, where)
        if data.startswith(b"HTTP/", start):
            place = start
            continue
        length = declared(headers)
        stop = start + length if length is not None and data.startswith(b"HTTP/", start + length) else len(data)
        yield _exchange(status, version, headers, data[start:stop])
        place = stop


def _exchange(status: int, version: bytes, headers: Headers, body: bytes) -> Exchange:
    headers = _without_undone_coding(headers, body)
    length = declared(headers)
    if length is None and not version.startswith(b"1"):
        headers = (*headers, IN_CHUNKS)  # HTTP/2 and 3 delimit a body by themselves
    pieces = in_pieces(body, is_stream=is_stream(headers))
    is_short = length is not None and len(body) < length
    return Exchange(status=status, headers=headers, pieces=pieces, ended="close" if is_short else "end")


def _head(data: bytes, place: int, where: str) -> tuple[int, bytes, Headers, int]:
    """Status, HTTP version and headers of the head at ``place``, and where it ends."""
    line = _STATUS_LINE.match(data, place)
    if line is None:
        raise Place(f"{where}, byte {place}").wrong("a status line such as HTTP/1.1 200 OK", data[place : place + 40])
    end = _HEAD_END.search(data, line.end() - 2)
    if end is None:
        raise Place(f"{where}, byte {place}").error("the head of this answer has no end: a blank line is missing")
    headers = tuple(_headers(data[line.end() : end.start()], Place(f"{where}, the head at byte {place}")))
    return int(line[2]), line[1], headers, end.end()


def _headers(lines: bytes, place: Place) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines.splitlines(), 2):
        header = _HEADER.fullmatch(line)
        if header is None:
            raise place.field(f"line {number}").wrong("a header such as content-type: text/event-stream", line)
        yield header[1].decode(), header[2].decode("latin-1").strip()


def _without_undone_coding(headers: Headers, body: bytes) -> Headers:
    """The headers without a compression that was undone before the body was kept (``curl --compressed``)."""
    if not is_coded(headers) or is_compressed(headers, body):
        return headers
    return (*end_to_end(headers, "content-encoding", "content-length"), IN_CHUNKS)
