"""The event stream decoder against the standard."""

from __future__ import annotations

import pytest

from client_under_test.errors import LimitExceeded
from client_under_test.sse import _NAMES, SseDecoder
from harness.reference import read_events

CASES: dict[str, tuple[bytes, list[tuple[str, str]]]] = {
    "lf": (b"data: a\n\n", [("message", "a")]),
    "cr": (b"data: a\r\r", [("message", "a")]),
    "crlf": (b"data: a\r\n\r\n", [("message", "a")]),
    "mixed": (b"data: a\r\ndata: b\rdata: c\n\n", [("message", "a\nb\nc")]),
    "name": (b"event: x\ndata: a\n\n", [("x", "a")]),
    "name is forgotten": (b"event: x\ndata: a\n\ndata: b\n\n", [("x", "a"), ("message", "b")]),
    "empty name": (b"event: x\nevent:\ndata: a\n\n", [("message", "a")]),
    "name without colon": (b"event: x\nevent\ndata: a\n\n", [("message", "a")]),
    "name without data": (b"event: x\n\ndata: a\n\n", [("message", "a")]),
    "comment": (b": a\n:\ndata: a\n\n", [("message", "a")]),
    "no space": (b"data:a\n\n", [("message", "a")]),
    "two spaces": (b"data:  a\n\n", [("message", " a")]),
    "tab": (b"data:\ta\n\n", [("message", "\ta")]),
    "colons": (b"data: a:b: c\n\n", [("message", "a:b: c")]),
    "no colon": (b"data\n\n", [("message", "")]),
    "two empty lines of data": (b"data\ndata:\n\n", [("message", "\n")]),
    "unknown field": (b"fata: x\n data: y\nDATA: z\ndata: a\n\n", [("message", "a")]),
    "bom": (b"\xef\xbb\xbfdata: a\n\n", [("message", "a")]),
    "two boms": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [("message", "b")]),
    "bom later": (b"data: \xef\xbb\xbfa\n\n", [("message", "\ufeffa")]),
    "pending at the end": (b"data: a\n\ndata: b\n", [("message", "a")]),
    "unterminated": (b"data: a", []),
    "blank lines": (b"\n\n\ndata: a\n\n\n\n", [("message", "a")]),
    "unicode separators": ("data: a\u2028b\u0085c\x0bd\n\n".encode(), [("message", "a\u2028b\u0085c\x0bd")]),
    "invalid utf-8": (b"data: a\xffb\n\n", [("message", "a\ufffdb")]),
    "nul": (b"data: a\0b\n\n", [("message", "a\0b")]),
    "retry only": (b"retry: 10\n\ndata: a\n\n", [("message", "a")]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_stream_is_read_as_the_standard_says(name: str, size: int) -> None:
    raw, expected = CASES[name]
    decoder = SseDecoder()
    events = [event for i in range(0, len(raw), size) for event in decoder.feed(raw[i : i + size])]
    assert [(event.name, event.data) for event in events] == expected


def test_the_last_event_id_stays_until_it_is_changed_and_nul_is_refused() -> None:
    events = SseDecoder().feed(b"id: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\nid\ndata: d\n\n")
    assert [event.last_id for event in events] == ["1", "1", "1", ""]


def test_only_digits_set_the_reconnection_time() -> None:
    decoder = SseDecoder()
    decoder.feed(b"retry: 10\nretry: 1x\nretry: -1\n\n")
    assert decoder.retry_ms == 10


def test_the_reconnection_time_of_an_event_that_is_not_over_is_known() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\nretry: 10\nda") == []
    assert decoder.retry_ms == 10
    assert [event.data for event in decoder.feed(b"ta: b\n\nevent: x\ndata: c\n\n")] == ["a\nb", "c"]


@pytest.mark.parametrize(
    "odd", [b"events: x\ndata: b\n\n", b"event: x\ncata: b\n\n", b"event: x\ndatas: b\n\n", b"\n", b""]
)
@pytest.mark.parametrize("usual", [b"event: a\ndata: 1\n\n", b"data: 1\n\n"])
def test_one_odd_event_among_usual_ones_is_read_by_the_same_rules(usual: bytes, odd: bytes) -> None:
    raw = usual * 100 + odd + usual
    assert [(event.name, event.data) for event in SseDecoder().feed(raw)] == read_events(raw)


@pytest.mark.parametrize("begun", [b"data: a\n", b"event: y\n"])
@pytest.mark.parametrize("rest", [b"event: x\ndata: b\n\n", b"event: x\ndata: b\n\n" * 100, b"data: b\n\n" * 200])
def test_an_event_whose_lines_were_read_before_its_end_goes_on_with_the_next(begun: bytes, rest: bytes) -> None:
    limit = 3000
    decoder, comments = SseDecoder(max_line_bytes=limit, max_event_bytes=limit), b":" * 99 + b"\n"
    assert decoder.feed(begun + comments * 31) == []
    events = [(event.name, event.data) for event in decoder.feed(rest)]
    assert events == read_events(begun + rest)


def test_of_names_without_end_few_are_remembered_and_no_long_one() -> None:
    long = "n" * 1000
    names = [*map(str, range(1000)), *([long] * 50)]
    raw = "".join(f"event: {name}\ndata: a\n\n" for name in names).encode()
    assert [event.name for event in SseDecoder().feed(raw)] == names
    assert len(_NAMES) <= 64
    assert f"event: {long}".encode() not in _NAMES


def test_events_that_come_one_by_one_have_the_id_of_the_last_that_set_one() -> None:
    decoder = SseDecoder()
    decoder.feed(b"id: 7\ndata: a\n\n")
    events = decoder.feed(b"event: x\ndata: b\n\n")
    assert [(event.name, event.data, event.last_id) for event in events] == [("x", "b", "7")]


def test_a_limit_is_told_by_the_next_read_and_not_by_a_question() -> None:
    decoder = SseDecoder(max_event_bytes=5)
    assert decoder.feed(b"data: abc") == []
    assert decoder.retry_ms is None
    assert decoder.feed(b"defg") == []
    with pytest.raises(LimitExceeded):
        decoder.feed(b"\n\n")
    assert decoder.retry_ms is None


@pytest.mark.parametrize("raw", [b"data: " + b"x" * 200, b"data: xxxxxxxxx\n" * 20])
def test_a_line_or_an_event_beyond_the_limit_is_refused_before_it_is_kept(raw: bytes) -> None:
    decoder = SseDecoder(max_line_bytes=100, max_event_bytes=100)
    pieces = [raw[i : i + 10] for i in range(0, len(raw), 10)]
    with pytest.raises(LimitExceeded, match="100 bytes"):
        [decoder.feed(piece) for piece in pieces]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_was_whole_before_the_limit_is_given_out_however_the_bytes_are_cut(size: int) -> None:
    raw, decoder = b"data: a\n\n:" + b"x" * 50 + b"\ndata: b\n\n", SseDecoder(max_line_bytes=20)
    given = decoder.feed(raw[:size])
    for i in range(size, len(raw), size):
        try:
            given += decoder.feed(raw[i : i + size])
        except LimitExceeded:
            break
    assert [event.data for event in given] == ["a"]
    with pytest.raises(LimitExceeded):
        decoder.feed(b"\n")
