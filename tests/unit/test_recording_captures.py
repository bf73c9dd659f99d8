"""Captures of every kind are read, and damaged ones are told with the place."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.errors import UsageError
from harness.recording import captured
from harness.recording.capture import Arrived, Exchange, arrived, first_line, line_of
from harness.recording.captured import exchanges_in

EVENTS = [
    b'event: message_start\ndata: {"type":"message_start"}\n\n',
    "event: ping\ndata: ż\n\n".encode(),
    b"data: cut",
]
BODY = b"".join(EVENTS)
STREAM = "content-type: text/event-stream"


def read(data: bytes) -> list[Exchange]:
    return exchanges_in(data, "x")


def complaint(data: bytes) -> str:
    with pytest.raises(UsageError) as caught:
        read(data)
    return str(caught.value)


def pieces(exchange: Exchange) -> list[bytes]:
    return [piece.data for piece in exchange.pieces]


# ---- bare events


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b": hello\n\n", b"\n", b"id: 1\n", b"retry: 5\n"])
def test_bare_events_are_the_answer_to_one_request(before: bytes) -> None:
    (one,) = read(before + BODY)
    assert (one.status, one.header("content-type")) == (200, "text/event-stream; charset=utf-8")
    assert one.body == before + BODY
    assert pieces(one)[-2:] == EVENTS[1:]


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xfe", b"<html>", b"[1]"])
def test_what_is_no_capture_is_refused_with_what_would_be(data: bytes) -> None:
    assert complaint(data).startswith("x is no capture: expected what `streamproof proxy --record`, `curl -i`")


# ---- curl


def curled(*heads: str, body: bytes = BODY, end: str = "\r\n") -> bytes:
    return "".join(head.replace("|", end) + end * 2 for head in heads).encode() + body


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("line", ["HTTP/1.1 200 OK", "HTTP/2 200", "HTTP/2 200 ", "HTTP/1.1 200"])
def test_the_output_of_curl_is_read(line: str, end: str) -> None:
    (one,) = read(curled(f"{line}|{STREAM}|X-Odd:  é |x-empty:", end=end))
    assert (one.status, one.body) == (200, BODY)
    assert one.headers[:3] == (("content-type", "text/event-stream"), ("X-Odd", "Ã©"), ("x-empty", ""))
    assert pieces(one) == EVENTS


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 100 Continue",
        "HTTP/1.1 302 Found|location: /x",
        "HTTP/1.1 200 Connection established",
        "HTTP/2 103 |a: b",
    ],
)
def test_heads_that_no_body_follows_are_left_out(head: str) -> None:
    (one,) = read(curled(head, f"HTTP/1.1 201 Created|{STREAM}"))
    assert (one.status, one.body) == (201, BODY)


def test_answers_that_declare_their_length_are_told_apart() -> None:
    refused = curled("HTTP/1.1 529 Overloaded|content-length: 2", body=b"{}")
    found = read(refused + refused + curled(f"HTTP/1.1 200 OK|{STREAM}"))
    assert [(one.status, one.body) for one in found] == [(529, b"{}"), (529, b"{}"), (200, BODY)]


@pytest.mark.parametrize(("length", "ended"), [(len(BODY), "end"), (len(BODY) + 1, "close")])
def test_a_body_that_is_shorter_than_declared_was_cut(length: int, ended: str) -> None:
    assert read(curled(f"HTTP/1.1 200 OK|{STREAM}|content-length: {length}"))[0].ended == ended


@pytest.mark.parametrize(
    ("head", "body", "kept"),
    [
        ("content-encoding: gzip", BODY, False),
        ("content-encoding: br|content-length: 5", BODY, False),
        ("content-encoding: gzip", b"\x1f\x8b\x08\x00", True),
        ("content-encoding: identity", BODY, True),
    ],
)
def test_a_compression_that_curl_has_undone_is_not_declared(head: str, body: bytes, kept: bool) -> None:
    (one,) = read(curled(f"HTTP/1.1 200 OK|{STREAM}|{head}", body=body))
    assert bool(one.header("content-encoding")) == kept
    assert kept or not one.header("content-length")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"HTTP/1.1 abc\r\n\r\n", "x, byte 0: expected a status line such as HTTP/1.1 200 OK, found b'HTTP/1.1 abc"),
        (b"HTTP/1.1 200 OK\r\na: b\r\n", "x, byte 0: the head of this answer has no end"),
        (b"HTTP/1.1 200 OK\r\nodd\r\n\r\n", "x, the head at byte 0: line 2: expected a header such as content-type"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/9",
            "x, byte 38: expected a status line such as HTTP/1.1 200 OK, found b'HTTP/9'",
        ),
    ],
)
def test_damaged_output_of_curl_is_told_with_its_place(data: bytes, said: str) -> None:
    assert complaint(data).startswith(said)


# ---- HTTP archives


def entry(**more: Any) -> dict[str, Any]:
    content = {"size": 1, "mimeType": "text/event-stream", "text": BODY.decode(), **more.pop("content", {})}
    response = {"status": 200, "headers": [{"name": "Content-Type", "value": "text/event-stream"}], "content": content}
    request = {"method": "POST", "url": "https://api.example/v1/messages", "headers": [], **more.pop("request", {})}
    began = "2026-01-31T12:00:00.000Z"
    return {"startedDateTime": began, "request": request, "response": {**response, **more.pop("response", {})}, **more}


def har(*entries: Any) -> bytes:
    return json.dumps({"log": {"version": "1.2", "creator": {}, "entries": entries}}).encode()


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n  "])
@pytest.mark.parametrize(
    "content", [{}, {"text": base64.b64encode(BODY).decode(), "encoding": "base64"}], ids=["text", "base64"]
)
def test_an_archive_is_read(before: bytes, content: dict[str, str]) -> None:
    (one,) = read(before + har(entry(content=content)))
    assert (one.method, one.url, one.status) == ("POST", "https://api.example/v1/messages", 200)
    assert (one.body, pieces(one)) == (BODY, EVENTS)


def test_entries_are_read_in_the_order_in_which_they_began() -> None:
    times = ["2026-01-31T12:00:02Z", "2026-01-31T13:00:01.5+01:00", "2026-01-31T12:00:00.000Z"]
    found = read(har(*(entry(startedDateTime=time, response={"status": 500 + n}) for n, time in enumerate(times))))
    assert [one.status for one in found] == [502, 501, 500]


def test_an_entry_without_an_answer_has_none() -> None:
    (one,) = read(har(entry(response={"status": 0, "headers": [], "content": {}})))
    assert (one.status, one.ended, one.body) == (None, "unreachable", b"")


def test_headers_of_an_archive_are_those_of_its_decoded_body() -> None:
    headers = [
        {"name": ":status", "value": "200"},
        {"name": "content-encoding", "value": "gzip"},
        {"name": "content-length", "value": "5"},
        {"name": "set-cookie", "value": "a=1\nb=2"},
    ]
    (one,) = read(har(entry(response={"headers": headers})))
    assert one.headers == (("set-cookie", "a=1"), ("set-cookie", "b=2"), ("transfer-encoding", "chunked"))


@pytest.mark.parametrize(
    ("headers", "read"),
    [
        ([{"name": "X-Api-Key", "value": "k"}, {"name": ":path", "value": "/"}], (("X-Api-Key", "k"), (":path", "/"))),
        ([None, {"name": "a"}, {"value": "b"}], ()),
        (None, ()),
        (1, ()),
    ],
)
def test_headers_of_a_request_in_an_archive_are_read_as_far_as_they_are_there(headers: Any, read: Any) -> None:
    (one,) = exchanges_in(har(entry(request={"headers": headers})), "x")
    assert one.request_headers == read


def test_a_true_length_stays() -> None:
    headers = [{"name": "content-length", "value": str(len(BODY))}]
    assert read(har(entry(response={"headers": headers})))[0].header("content-length") == str(len(BODY))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "x: it is not JSON: "),
        (b"[" * 9 + b"{", "x is no capture"),
        (b"{}", "x: log: expected a JSON object, found None"),
        (b'{"log":{}}', "x: log.entries: expected a list, found None"),
        (har(1), "x: log.entries[0]: expected a JSON object, found 1"),
        (har({}), "x: log.entries[0].request: expected a JSON object, found None"),
        (har(entry(request={"url": None})), "x: log.entries[0].request.url: expected a string, found None"),
        (har(entry(), entry(response={"status": "200"})), "x: log.entries[1].response.status: expected an integer"),
        (har(entry(response={"status": True})), "x: log.entries[0].response.status: expected an integer"),
        (har(entry(startedDateTime="soon")), "x: log.entries[0].startedDateTime: expected a date such as"),
        (har(entry(content={"text": 5})), "x: log.entries[0].response.content.text: expected a string"),
        (
            har(entry(content={"encoding": "base64"})),
            "x: log.entries[0].response.content.text: expected bytes as base64",
        ),
        (har(entry(content={"encoding": "rot13"})), "x: log.entries[0].response.content.encoding: expected base64, or"),
        (har(entry(content={"text": "\ud800"})), "x: log.entries[0].response.content.text: '\\ud800' is half a"),
        (
            har(entry(response={"headers": [{"name": "a b", "value": ""}]})),
            "x: log.entries[0].response.headers[0].name: expected the name of a header, found 'a b'",
        ),
        (
            har(entry(response={"headers": [{"name": "a", "value": "\r\nb: c"}]})),
            "x: log.entries[0].response.headers[0].value: expected the value of a header",
        ),
    ],
)
def test_a_damaged_archive_is_told_with_its_place(data: bytes, said: str) -> None:
    assert complaint(data).startswith(said)


# ---- our own


KEPT = Exchange(
    number=3,
    began=1.5,
    url="https://api.example/v1/messages",
    request_headers=(("a", "b"),),
    status=200,
    headers=(("content-type", "text/event-stream"),),
    pieces=(arrived(b"data: \xff\n\n"), arrived("ż".encode(), 0.25)),
    ended="reset",
    faults=({"is": "DropEvent", "at": {"is": "AtEvent"}},),
)
FIRST = first_line("https://api.example")


def test_what_the_proxy_kept_comes_back_as_it_was() -> None:
    assert read((FIRST + line_of(KEPT) * 2).encode()) == [KEPT, KEPT]
    assert KEPT.body == b"data: \xff\n\n\xc5\xbc"


@pytest.mark.parametrize("coding", ["gzip", "identity, br"])
def test_a_compressed_body_is_not_written_in_either_direction(coding: str) -> None:
    whole = msgspec.structs.replace(KEPT, request_body="asked: \udcff")
    coded = (("content-encoding", coding),)
    answer, request = (msgspec.structs.replace(whole, **{name: coded}) for name in ("headers", "request_headers"))
    kept = read((FIRST + line_of(whole) + line_of(answer) + line_of(request)).encode())
    assert [(one.request_body, one.body) for one in kept] == [
        ("asked: \udcff", KEPT.body),
        ("asked: \udcff", b""),
        (None, KEPT.body),
    ]


def test_text_that_is_only_declared_to_be_compressed_is_written() -> None:
    coded = (("content-encoding", "gzip"),)
    odd = Exchange(headers=coded, request_headers=coded, request_body="asked", pieces=(arrived(b"data: 1\n\n"),))
    assert read((FIRST + line_of(odd)).encode()) == [odd]


def test_a_last_line_that_was_cut_by_a_kill_is_left_out() -> None:
    assert read((FIRST + line_of(KEPT) + line_of(KEPT)[:-20]).encode()) == [KEPT]


def test_another_body_is_cut_in_the_same_places() -> None:
    other = KEPT.with_body(b"DATA: \xfe\n\n\xc5\xbb")
    assert other.pieces == (Arrived("DATA: \udcfe\n\n"), Arrived("Ż", 0.25))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "x, line 2: it is not JSON: "),
        ("[" * 100_000, "x, line 2: it is not JSON: "),
        ("[]", "x, line 2: expected a JSON object, found []"),
        ('{"status":"200"}', "x, line 2: Expected `int | null`, got `str` - at `$.status`"),
        ('{"pieces":[{"text":"\\ud800"}]}', "x, line 2: pieces: '\\ud800' stands for no byte"),
    ],
)
def test_a_damaged_line_is_told_with_its_place(line: str, said: str) -> None:
    assert complaint(f"{FIRST}{line}\n".encode()).startswith(said)


@pytest.mark.parametrize("first", ['{"streamproof":"capture","version":2}\n', '{"streamproof":1}\n'])
def test_a_file_of_another_version_is_refused(first: str) -> None:
    assert complaint(first.encode()).startswith(
        "x, line 1: version: expected 1, the only one that this streamproof reads"
    )


# ---- files


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.sse").write_bytes(BODY)
    assert captured.read(tmp_path / "a.sse")[0].body == BODY


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.sse").write_bytes(BODY)
    monkeypatch.setattr(captured, "_MOST_BYTES", 10)
    with pytest.raises(UsageError, match=re.escape(f"a.sse has {len(BODY)} bytes: expected a capture of 10 at most")):
        captured.read(tmp_path / "a.sse")


def test_a_folder_is_no_capture(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        captured.read(tmp_path)
