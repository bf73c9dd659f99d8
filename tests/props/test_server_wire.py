"""HTTP as it is written, read back by the standard library."""

from __future__ import annotations

from http.client import HTTPResponse, IncompleteRead
from io import BytesIO
from socket import socket
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.effects import Close, Effect, End, Mark, Send, Wait
from fake_server.wire import Chunked, Framing, Head, Sized, UntilClose, chunk, frame, reason, sse
from harness.reference import read_events

FRAMINGS: list[Framing] = [Chunked(), Sized(), UntilClose()]
BODIES = st.lists(st.binary(max_size=40), max_size=6)
NAMES = st.sampled_from(["a", "b", "c", "A", "B"])
HEADERS = st.lists(st.tuples(NAMES, st.sampled_from(["1", "2"])), max_size=4, unique_by=lambda pair: pair[0].lower())
quick = settings(max_examples=50)


class Bytes:
    """A socket with nothing but these bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> BytesIO:
        return BytesIO(self._data)


def written(head: Head, *effects: Effect) -> bytes:
    return b"".join(effect.data for effect in frame(head, effects) if isinstance(effect, Send))


def read(wire: bytes) -> HTTPResponse:
    response = HTTPResponse(cast(socket, Bytes(wire)))
    response.begin()
    return response


@given(framing=st.sampled_from(FRAMINGS), pieces=BODIES)
@quick
def test_a_framed_body_reads_as_it_was_said(framing: Framing, pieces: list[bytes]) -> None:
    response = read(written(Head(framing=framing), *map(Send, pieces), End()))
    assert response.read() == b"".join(pieces)


@given(framing=st.sampled_from([Chunked(), Sized(1)]), pieces=BODIES)
@quick
def test_a_body_without_its_end_is_known_to_be_incomplete(framing: Framing, pieces: list[bytes]) -> None:
    response = read(written(Head(framing=framing), *map(Send, pieces), Close()))
    with pytest.raises(IncompleteRead):
        response.read()


@given(pieces=BODIES)
@quick
def test_each_write_is_one_chunk_and_keeps_its_event_name(pieces: list[bytes]) -> None:
    effects = list(frame(Head(), [*(Send(data, "name") for data in pieces), End()]))
    assert effects[1:-2] == [Send(b"%x\r\n%b\r\n" % (len(data), data), "name") for data in pieces if data]
    assert effects[-2:] == [Send(b"0\r\n\r\n"), End()]


@given(pieces=BODIES, error=st.integers(-5, 5))
@quick
def test_a_declared_length_is_the_true_one_plus_the_error(pieces: list[bytes], error: int) -> None:
    size = sum(map(len, pieces)) + 5
    effects = list(frame(Head(framing=Sized(error)), [Send(b"12345"), *map(Send, pieces), End()]))
    assert isinstance(effects[0], Send)
    assert f"\r\ncontent-length: {size + error}\r\n".encode() in effects[0].data
    assert effects[-1] == (Close() if error > 0 else End())


@pytest.mark.parametrize("framing", FRAMINGS, ids=str)
def test_what_is_no_data_passes_through_framing_unchanged(framing: Framing) -> None:
    quiet: list[Effect] = [Wait(1), Mark("x"), Close()]
    assert list(frame(Head(framing=framing), quiet))[1:] == quiet


@given(headers=HEADERS, name=NAMES, value=st.none() | st.just("new"))
@quick
def test_a_header_is_set_in_its_place_in_any_case_and_removed_by_none(
    headers: list[tuple[str, str]], name: str, value: str | None
) -> None:
    old = Head(headers=tuple(headers))
    new = old.with_header(name, value)
    others = [pair for pair in headers if pair[0].lower() != name.lower()]
    assert new.header(name.swapcase()) == value
    assert [pair for pair in new.headers if pair[0].lower() != name.lower()] == others
    if value is not None and old.header(name) is not None:
        assert [key for key, _ in new.headers] == [key for key, _ in headers]


@given(status=st.integers(100, 999), headers=HEADERS)
@quick
def test_a_head_of_any_status_reads_back(status: int, headers: list[tuple[str, str]]) -> None:
    wire = Head(status=status, headers=tuple(headers), framing=Sized()).encode(7)
    status_line, *lines = wire.decode().removesuffix("\r\n\r\n").split("\r\n")
    assert status_line == f"HTTP/1.1 {status} {reason(status)}"
    assert [tuple(line.split(": ")) for line in lines] == [*headers, ("content-length", "7")]


@pytest.mark.parametrize(("status", "phrase"), [(200, "OK"), (429, "Too Many Requests"), (529, "Overloaded")])
def test_a_known_status_has_its_phrase(status: int, phrase: str) -> None:
    assert reason(status) == phrase


def test_an_unknown_status_is_written_all_the_same() -> None:
    assert Head(status=599).encode().startswith(b"HTTP/1.1 599 Unknown\r\n")


def test_a_header_outside_latin_1_is_replaced_and_not_refused() -> None:
    assert b"\r\nx: ?\xe9\r\n" in Head(headers=(("x", "東é"),)).encode()


@given(data=st.binary(max_size=300))
@quick
def test_a_chunk_says_how_long_it_is(data: bytes) -> None:
    size, _, rest = chunk(data).partition(b"\r\n")
    assert rest == data + b"\r\n"
    assert int(size, 16) == len(data)


@given(
    name=st.none() | st.just("x"),
    data=st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20),
)
@quick
def test_an_event_is_written_as_it_is_read(name: str | None, data: str) -> None:
    assert read_events(sse(name, data)) == [(name or "message", data)]


def test_a_lone_surrogate_is_written_and_not_refused() -> None:
    assert sse(None, "\ud800") == b"data: \xed\xa0\x80\n\n"
