"""The oracle's reader against the standards, case by case."""

from __future__ import annotations

import gzip
import json

import pytest

from harness.reference import read_events, read_reply

EVENTS: dict[str, tuple[bytes, list[tuple[str, str]]]] = {
    "nothing": (b"", []),
    "lf": (b"data: a\n\n", [("message", "a")]),
    "cr": (b"data: a\r\r", [("message", "a")]),
    "crlf": (b"data: a\r\n\r\n", [("message", "a")]),
    "mixed ends": (b"data: a\rdata: b\r\n\ndata: c\n\r", [("message", "a\nb"), ("message", "c")]),
    "bom": (b"\xef\xbb\xbfdata: a\n\n", [("message", "a")]),
    "two boms": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
    "bom in data": (b"data: \xef\xbb\xbfa\n\n", [("message", "\ufeffa")]),
    "name": (b"event: x\ndata: a\n\n", [("x", "a")]),
    "name after data": (b"data: a\nevent: x\n\n", [("x", "a")]),
    "last name": (b"event: x\nevent: y\ndata: a\n\n", [("y", "a")]),
    "empty name": (b"event: x\nevent\ndata: a\n\n", [("message", "a")]),
    "name is forgotten": (b"event: x\n\ndata: a\n\n", [("message", "a")]),
    "no data": (b"event: x\nid: 1\nretry: 2\n\n", []),
    "empty data": (b"data\n\ndata:\n\ndata: \n\n", [("message", "")] * 3),
    "empty lines of data": (b"data\ndata:\ndata\n\n", [("message", "\n\n")]),
    "empty last line of data": (b"data: a\ndata\n\n", [("message", "a\n")]),
    "one space": (b"data:a\ndata: b\ndata:  c\ndata:\td\n\n", [("message", "a\nb\n c\n\td")]),
    "colons": (b"data: a: b:c\n\n", [("message", "a: b:c")]),
    "comment": (b": x\n:data: x\n:\ndata: a\n\n", [("message", "a")]),
    "comment inside": (b"data: a\n: x\ndata: b\n\n", [("message", "a\nb")]),
    "other fields": (b"Data: x\n data: x\ndata : x\ndatas: x\nx\ndata: a\n\n", [("message", "a")]),
    "blank lines": (b"\n\r\n\rdata: a\n\n\n\n", [("message", "a")]),
    "no blank line": (b"data: a\n\ndata: b\n", [("message", "a")]),
    "no end of line": (b"data: a\n\ndata: b", [("message", "a")]),
    "no newlines of unicode": ("data: a\u2028\x85\v\f\x1cb\n\n".encode(), [("message", "a\u2028\x85\v\f\x1cb")]),
    "nul": (b"data: a\0\n\n", [("message", "a\0")]),
    "no utf-8": (b"data: \xffa\xf0\x9f\x8c\xe6\x9d\xb1\n\n", [("message", "\ufffda\ufffd東")]),
    "surrogate": (b"data: \xed\xa0\x80\n\n", [("message", "\ufffd" * 3)]),
}  # fmt: skip
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BODIES: dict[str, tuple[bytes, bytes, bool]] = {
    "chunks": (CHUNKS + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde", True),
    "hexadecimal": (CHUNKS + b"0A\r\n0123456789\r\n0\r\n\r\n", b"0123456789", True),
    "chunk extension": (CHUNKS + b"1;x=y\r\na\r\n0;z\r\n\r\n", b"a", True),
    "newlines in a chunk": (CHUNKS + b"6\r\n\r\n0\r\n\r\r\n0\r\n\r\n", b"\r\n0\r\n\r", True),
    "no final chunk": (CHUNKS + b"1\r\na\r\n", b"a", False),
    "half a final chunk": (CHUNKS + b"1\r\na\r\n0\r\n", b"a", False),
    "short chunk": (CHUNKS + b"5\r\nabc", b"abc", False),
    "no line end behind a chunk": (CHUNKS + b"3\r\nabc\n\r\n1\r\nd\r\n0\r\n\r\n", b"abc", False),
    "no chunk size": (CHUNKS + b"<html>\r\n", b"", False),
    "half a size": (CHUNKS + b"1\r\na\r\n1", b"a", False),
    "length": (OK + b"content-length: 3\r\n\r\nabc", b"abc", True),
    "length too small": (OK + b"content-length: 2\r\n\r\nabc", b"ab", True),
    "length too large": (OK + b"content-length: 4\r\n\r\nabc", b"abc", False),
    "chunks and length": (
        OK + b"content-length: 9\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        b"a",
        True,
    ),
    "until close": (OK + b"\r\nabc", b"abc", True),
}
DELTA = b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"%b"}}\n\n'
HOSTILE: dict[str, bytes] = {
    "no status": b"\r\n\r\n",
    "status": b"HTTP/1.1 OK\r\n\r\n",
    "length": OK + b"content-length: x\r\n\r\n",
    "content": OK + b'content-type: application/json\r\n\r\n{"type":"message","content":null}',
    "block": OK + b'content-type: application/json\r\n\r\n{"type":"message","content":[1]}',
    "text": OK + b'content-type: application/json\r\n\r\n{"type":"message","content":[{"type":"text","text":null}]}',
    "depth": OK + b"\r\ndata: " + b"[" * 100_000 + b"\n\n",
    "depth of a message": OK + b"content-type: application/json\r\n\r\n" + b"[" * 100_000,
    "digits": OK + b'\r\ndata: {"a":' + b"1" * 5000 + b"}\n\n",
    "gzip": OK + b"content-encoding: gzip\r\n\r\nplain",
    "header": OK + b": \r\n\xff\r\n:\r\n\r\n",
    "negative chunk": CHUNKS + b"-3\r\nabc\r\n-1\r\n\r\n",
}


@pytest.mark.parametrize("name", EVENTS)
def test_events_are_dispatched_as_the_standard_says(name: str) -> None:
    body, events = EVENTS[name]
    assert read_events(body) == events


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_delimited_as_http_says(name: str) -> None:
    wire, body, ended = BODIES[name]
    response = read_reply(wire)
    assert (response.status, response.body, response.ended) == (200, body, ended)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_bytes_make_the_reader_raise(name: str) -> None:
    read_reply(HOSTILE[name])


@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\na: b\r\n"])
def test_half_a_head_is_no_reply(wire: bytes) -> None:
    assert read_reply(wire).status is None


def test_headers_have_lower_case_names_and_the_first_value_counts() -> None:
    headers = read_reply(OK + b"A-B:  x: y \r\na-b: z\r\nC:\r\n\r\n").headers
    assert headers == {"a-b": "x: y", "c": ""}


@pytest.mark.parametrize("cut", [0, 8, 30])
def test_a_compressed_body_is_read_as_far_as_it_goes(cut: int) -> None:
    plain = DELTA % b"Hi" + DELTA % b" you"
    body = gzip.compress(plain)
    response = read_reply(OK + b"content-encoding: gzip\r\n\r\n" + body[: len(body) - cut])
    assert plain.startswith(response.body)
    assert (response.body == plain) == (cut <= 8)


def test_a_body_that_is_not_compressed_as_declared_is_empty() -> None:
    response = read_reply(OK + b"content-encoding: gzip\r\n\r\n" + DELTA % b"Hi")
    assert (response.body, response.text, response.ended) == (b"", "", True)


@pytest.mark.parametrize(
    ("last", "terminal", "error", "text"),
    [
        (b"", False, None, "ab"),
        (b'data: {"type":"message_stop"}\n\n', True, None, "a"),
        (b"event: message_stop\ndata:\n\n", False, None, "ab"),
        (b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n', True, None, "ab"),
        (b'data: {"type":"message_delta","delta":{"stop_reason":null}}\n\n', False, None, "ab"),
        (b'event: error\ndata: {"error":{"type":"overloaded_error"}}\n\n', False, "overloaded_error", "a"),
        (b'data: {"type":"error","error":{"type":"api_error"}}\n\n', False, "api_error", "a"),
        (b"event: error\ndata: Oh\n\n", False, "unknown", "a"),
        (b'data: {"type":"error"}\n\n', False, "unknown", "a"),
        (b"data: [1]\n\ndata: {broken\n\ndata:\n\n", False, None, "ab"),
        (b'data: {"type":"content_block_delta"}\n\ndata: {"type":"weather"}\n\n', False, None, "ab"),
        (b'data: {"type":"content_block_delta","delta":{"type":"x_delta","text":"x"}}\n\n', False, None, "ab"),
        (b'data: {"type":"content_block_start","content_block":{"type":"text","text":"-"}}\n\n', False, None, "a-b"),
        (b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":null}}\n\n', False, None, "ab"),
    ],
)  # fmt: skip
def test_a_stream_is_read_up_to_its_end_or_its_error(last: bytes, terminal: bool, error: str | None, text: str) -> None:
    response = read_reply(OK + b"\r\n" + DELTA % b"a" + last + DELTA % b"b")
    assert (response.terminal, response.error_kind, response.text) == (terminal, error, text)


@pytest.mark.parametrize("stop_reason", ["end_turn", None])
def test_a_message_has_the_text_of_its_text_blocks(stop_reason: str | None) -> None:
    content = [{"type": "text", "text": "a"}, {"type": "thinking", "text": "x"}, {"type": "text", "text": "é"}]
    message = {"type": "message", "content": content, "stop_reason": stop_reason}
    wire = OK + b"content-type: application/json; charset=utf-8\r\n\r\n" + json.dumps(message).encode()
    response = read_reply(wire)
    assert (response.text, response.terminal, response.events) == ("aé", stop_reason is not None, [])
    assert not read_reply(wire[:-1]).terminal


@pytest.mark.parametrize(("body", "kind"), [(b'{"error":{"type":"k"}}', "k"), (b'{"error":"Oh"}', None), (b"Oh", None)])
def test_an_error_body_has_a_kind_if_it_is_one(body: bytes, kind: str | None) -> None:
    response = read_reply(b"HTTP/1.1 500 Oh\r\nContent-Type: application/json\r\n\r\n" + body)
    assert (response.status, response.error_kind) == (500, kind)


def test_a_count_that_is_no_number_is_not_counted() -> None:
    usage = b'{"input_tokens":"x","output_tokens":3,"a":true}'
    body = b'{"type":"message","content":[],"stop_reason":"end_turn","usage":%b}' % usage
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert read_reply(head + body).usage == {"output_tokens": 3}
