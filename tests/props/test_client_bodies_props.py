"""The bodies of the optional transport, held to h11: what it refuses is refused, and no byte differs."""

from __future__ import annotations

import re
from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_under_test.bodies import Body, BrokenBody, Chunked, Sized, UntilClose, body_of

HEADS = {
    Chunked: b"transfer-encoding: chunked\r\n",
    Sized: b"content-length: 11\r\n",
    UntilClose: b"connection: close\r\n",
}
SIZES = st.sampled_from(
    [
        "0",
        "5",
        "5",
        "5",
        "00005",
        "A",
        "a",
        "5;x",
        '5;x="y"',
        "5 ",
        " 5",
        "-5",
        "0x5",
        "",
        "g",
        "f" * 17,
        "5\r",
    ]
)
CHUNKS = st.tuples(
    SIZES, st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", "\r"]), st.sampled_from(["abcde", "ab", "0123456789", ""]),
    st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", "", "x\r\n"]),
).map("".join)  # fmt: skip
ENDS = st.sampled_from(
    ["0\r\n\r\n", "0\r\n\r\n", "0\r\nx: y\r\n\r\n", "0\r\nx y\r\n\r\n", "0\r\n", "0\n\n", "", "0\r\n\r\nx"]
)
CHUNKED = st.tuples(st.lists(CHUNKS, max_size=4).map("".join), ENDS).map(lambda both: "".join(both).encode())
CUTS = st.lists(st.integers(0, 100), max_size=6)


def pieces(raw: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    return [raw[a:b] for a, b in pairwise(edges) if a < b]


def read(body: Body, parts: list[bytes]) -> tuple[bytes, bool]:
    """What was given out, and whether the body was whole."""
    found = b""
    try:
        for part in parts:
            if body.is_over:
                break
            found += body.feed(part)
        if not body.is_over:
            body.end()
    except BrokenBody:
        return found, False
    return found, True


def read_by_h11(kind: type, parts: list[bytes]) -> tuple[bytes, bool]:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    found = b""
    try:
        for part in (b"HTTP/1.1 200 OK\r\n" + HEADS[kind] + b"\r\n", *parts, b""):
            connection.receive_data(part)
            while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.EndOfMessage):
                    return found, True
                found += bytes(event.data) if isinstance(event, h11.Data) else b""
    except h11.RemoteProtocolError:
        return found, False
    return found, False


@given(raw=CHUNKED | st.binary(max_size=20), cuts=CUTS)
def test_chunks_are_taken_off_as_h11_does_but_where_it_bears_half_a_line_end(raw: bytes, cuts: list[int]) -> None:
    parts = pieces(raw, cuts)
    (ours, is_whole), (theirs, is_whole_for_them) = read(Chunked(), parts), read_by_h11(Chunked, parts)
    if is_whole_for_them and not is_whole:
        assert re.search(rb"(?<!\r)\n|\r(?!\n)", raw)  # LF behind the last chunk, CR in an extension
    else:
        assert is_whole == is_whole_for_them
    assert ours == theirs if is_whole else theirs.startswith(ours)


def test_white_space_before_an_extension_is_borne_as_the_standard_says() -> None:
    """RFC 9112 §7.1.1: ``chunk-ext = *( BWS ";" …``; h11 refuses it."""
    assert read(Chunked(), [b"5 ;x\r\nabcde\r\n0\r\n\r\n"]) == (b"abcde", True)


@pytest.mark.parametrize("kind", [Sized, UntilClose])
@given(raw=st.binary(max_size=20), cuts=CUTS)
def test_a_body_of_known_size_and_one_up_to_the_close_are_those_of_h11(kind: type, raw: bytes, cuts: list[int]) -> None:
    parts = pieces(raw, cuts)
    assert read(Sized(11) if kind is Sized else UntilClose(), parts) == read_by_h11(kind, parts)


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (200, [(b"transfer-encoding", b"chunked")], Chunked),
        (200, [(b"content-length", b"3")], Sized),
        (200, [], UntilClose),
        (204, [(b"transfer-encoding", b"chunked")], Sized),
        (304, [(b"content-length", b"3")], Sized),
    ],
)
def test_the_head_says_how_a_body_ends(status: int, headers: list[tuple[bytes, bytes]], kind: type) -> None:
    assert isinstance(body_of(status, headers), kind)
    assert body_of(status, headers).is_over == (status in (204, 304))


def test_what_came_before_a_broken_chunk_is_given_out_and_the_next_read_tells() -> None:
    body = Chunked()
    assert body.feed(b"5\r\nabcde\r\nx") == b"abcde"
    with pytest.raises(BrokenBody, match="a chunk is broken"):
        body.feed(b"\r\n")


def test_what_is_missing_is_told() -> None:
    with pytest.raises(BrokenBody, match="3 of 5 bytes are missing"):
        sized(b"ab").end()
    sized(b"abcde").end()
    for raw in (b"0\r\n\r\n", b"0\r\n\r\nwhat follows is of no interest"):
        whole = Chunked()
        assert whole.feed(raw) == b""
        whole.end()


def sized(data: bytes) -> Sized:
    body = Sized(5)
    assert body.feed(data) == data
    return body
