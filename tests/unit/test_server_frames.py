"""A body is cut into its events, wherever it is cut itself, and no byte is lost."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_server import frames
from fake_server.effects import Send
from fake_server.frames import Framer, event_of
from harness.reference import read_events

LINES = st.sampled_from(
    (b"event: a", b"event:b", b"data: {}", b"data", b": c", b"", b"", b"id: 1", "data: żółć".encode(), b"\xff", b"evil")
)
ENDS = st.sampled_from((b"\n", b"\r\n", b"\r"))
BODIES = st.lists(st.tuples(LINES, ENDS), max_size=20).map(lambda all_: b"".join(a + b for a, b in all_))


def framed(*pieces: bytes) -> list[Send]:
    framer = Framer()
    return [*(one for piece in pieces for one in framer.take(piece)), *framer.rest()]


@given(body=BODIES, cuts=st.lists(st.integers(0, 300), max_size=5), rest=st.sampled_from((b"", b"data: cut")))
def test_no_byte_is_lost_wherever_the_body_is_cut(body: bytes, cuts: list[int], rest: bytes) -> None:
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[a:b] for a, b in pairwise(edges)]
    assert b"".join(one.data for one in framed(*pieces, rest)) == body + rest


@given(body=BODIES)
def test_no_piece_has_more_than_one_event(body: bytes) -> None:
    assert all(len(read_events(one.data)) <= 1 for one in framed(body))
    assert [event for one in framed(body) for event in read_events(one.data)] == read_events(body)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_an_event_is_given_as_soon_as_it_is_whole(end: bytes) -> None:
    framer, event = Framer(), b"event: a" + end + b"data: 1" + end + end
    given_at = [list(framer.take(event[place : place + 1])) for place in range(len(event))]
    assert [bool(one) for one in given_at[:-2]] == [False] * (len(event) - 2)
    assert [one.event for some in given_at for one in some] == ["a"]


def test_an_event_that_is_too_long_to_hold_is_passed_on_in_pieces_and_named_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frames, "MOST_HELD", 10)
    found = framed(b"event: a\ndata: 1", b"23456789012345678901", b"4\n\nevent: b\n\n")
    assert [one.event for one in found] == ["a", None, None, None, "b"]
    assert max(len(one.data) for one in found) == 10


def test_the_middle_of_an_event_is_none_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MOST_HELD", 10)
    assert framed(b"data: 1234data: 5\n\n") == [Send(b"data: 1234", "message"), Send(b"data: 5\n\n")]


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (b"event: a\ndata: 1\n\n", "a"),
        (b"event:a\rdata: 1\r\r", "a"),
        (b"event: a\nevent: b\ndata: 1\n\n", "b"),
        (b"\xef\xbb\xbfevent: a\n\n", "a"),
        (b"\ndata: 1\n\n", "message"),
        (b'data: {"type":"x"}\n\n', "x"),
        (b'data: {"type":\ndata: "x"}\n\n', "x"),
        (b'data: {"type":5}\n\n', "message"),
        (b"data: [1]\n\n", "message"),
        (b"data: [DONE]\n\n", "message"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "message"),
        (b": ping\n\n", None),
        (b"\n\n", None),
        (b"", None),
    ],
)
def test_an_event_is_called_what_it_says(frame: bytes, name: str | None) -> None:
    assert event_of(frame) == name
