"""What belongs to a connection stays on it, and a body is delimited as it was."""

from __future__ import annotations

import msgspec
import pytest

from fake_server.wire import Chunked, NoBody, Sized, UntilClose
from harness.recording.capture import Exchange, arrived
from harness.recording.heads import declared, end_to_end, framing_of, is_stream
from harness.recording.identities import stand_in, without_identities

EVENTS = ("content-type", "text/event-stream; charset=utf-8")


def test_headers_of_the_connection_are_left_out_and_those_that_it_names() -> None:
    headers = (("Connection", "close, X-Mine"), ("x-mine", "1"), ("TE", "trailers"), ("x-end", "1"), ("Host", "h"))
    assert end_to_end(headers, "host") == (("x-end", "1"),)


@pytest.mark.parametrize(
    ("headers", "streams"),
    [
        ((EVENTS,), True),
        ((("Content-Type", "TEXT/Event-Stream"), ("content-encoding", "Identity")), True),
        ((EVENTS, ("content-encoding", "gzip")), False),
        ((EVENTS, ("content-encoding", "identity"), ("Content-Encoding", "identity, br")), False),
        ((("content-type", "application/json"),), False),
        ((), False),
    ],
)
def test_events_can_be_seen_in_a_stream_that_is_not_compressed(
    headers: tuple[tuple[str, str], ...], streams: bool
) -> None:
    assert is_stream(headers) == streams


@pytest.mark.parametrize(
    ("value", "length"), [("5", 5), (" 5 ", 5), ("-5", None), ("٥", None), ("9" * 16, None), ("", None)]
)
def test_a_length_is_a_number(value: str, length: int | None) -> None:
    assert declared((("Content-Length", value),)) == length


SIZED, CHUNKS = ("content-length", "5"), ("transfer-encoding", "chunked")


@pytest.mark.parametrize(
    ("status", "headers", "more", "framing"),
    [
        (200, (SIZED,), {}, Sized()),
        (200, (CHUNKS,), {}, Chunked()),
        (200, (SIZED, CHUNKS), {}, Chunked()),
        (200, (EVENTS, SIZED), {}, Chunked()),
        (200, (EVENTS,), {}, UntilClose()),
        (200, (), {"is_http_1": False}, Chunked()),
        (200, (SIZED,), {"method": "HEAD"}, NoBody(5)),
        (304, (SIZED,), {}, NoBody(5)),
        (204, (SIZED,), {}, NoBody()),
        (101, (), {}, NoBody()),
    ],
)
def test_a_body_is_delimited_as_it_was_but_events_go_in_chunks(
    status: int, headers: tuple[tuple[str, str], ...], more: dict[str, bool], framing: object
) -> None:
    assert framing_of(status, headers, **more) == framing  # type: ignore[arg-type]


# ---- ids


ORGANIZATION = "3f0c2a9e-1111-4222-8333-944455556666"


def test_ids_become_others_everywhere_and_the_same_ones_the_same() -> None:
    head = (("Request-Id", "req_011CAbcDefGh"), ("anthropic-organization-id", ORGANIZATION), ("x-other", ORGANIZATION))
    one = Exchange(
        headers=head, pieces=(arrived(b'{"request_id":"req_011CAb'), arrived(b'cDefGh","o":"req_999999999"}'))
    )
    two = Exchange(headers=head[:1])
    first, second = without_identities([one, two])
    assert first.headers == (
        ("Request-Id", "req_000000000001"),
        ("anthropic-organization-id", "00000000-0000-0000-0000-000000000002"),
        ("x-other", "00000000-0000-0000-0000-000000000002"),
    )
    assert [piece.data for piece in first.pieces] == [b'{"request_id":"req_000000', b'000001","o":"req_000000003"}']
    assert second.headers == first.headers[:1]


def test_an_id_that_begins_as_another_does_is_not_taken_for_it() -> None:
    one = Exchange(headers=(("request-id", "req_12345678"), ("x-request-id", "req_1234567890")))
    (other,) = without_identities([msgspec.structs.replace(one, pieces=(arrived(b"req_1234567890"),))])
    assert other.body == b"req_0000000002"


def test_a_short_id_becomes_another_in_its_header_alone() -> None:
    (one,) = without_identities([Exchange(headers=(("openai-organization", "acme"),), pieces=(arrived(b"acme"),))])
    assert (one.headers, one.body) == ((("openai-organization", "0001"),), b"acme")


def test_where_there_is_no_id_nothing_changes() -> None:
    one = Exchange(headers=(("request-id", ""), ("a", "b")), pieces=(arrived(b"words"),))
    assert without_identities([one]) == [one]


@pytest.mark.parametrize(
    ("identity", "number", "other"), [(b"req_abc", 12, b"req_012"), (b"ab-c", 5, b"00-5"), (b"a", 123, b"3")]
)
def test_an_id_keeps_its_length_and_shape(identity: bytes, number: int, other: bytes) -> None:
    assert stand_in(identity, number) == other
