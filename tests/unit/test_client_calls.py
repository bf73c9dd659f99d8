"""Tool calls are put together from pieces that do not always say where they belong."""

from __future__ import annotations

import pytest

from client_under_test.dialects.openai_calls import MOST_CALLS, Calls, Piece
from client_under_test.errors import LimitExceeded, ProtocolError

WHOLE = '{"a": 1}'
Told = tuple[str, str, str]


def told(*pieces: Piece) -> list[Told]:
    calls = Calls()
    for piece in pieces:
        calls.take(piece)
    return [(call.id, call.name, call.arguments) for call in calls.all()]


def new(identity: str, name: str, index: int | None = 0, arguments: str = "") -> Piece:
    return Piece(id=identity, name=name, index=index, arguments=arguments)


def more(arguments: str, index: int | None = 0, identity: str = "") -> Piece:
    return Piece(arguments=arguments, index=index, id=identity)


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        ([new("a", "x"), more('{"a"'), more(": 1}")], [("a", "x", WHOLE)]),
        ([new("a", "x"), new("b", "y", 1), more(WHOLE, 1), more("{}")], [("a", "x", "{}"), ("b", "y", WHOLE)]),
        ([new("a", "x", 1), more(WHOLE, 1)], [("a", "x", WHOLE)]),
        ([new("a", "x", 0, "{}"), new("b", "y", 0), more(WHOLE, 0)], [("a", "x", "{}"), ("b", "y", WHOLE)]),
        ([new("a", "x", 0, "{}"), new("b", "x", 0, "{}")], [("a", "x", "{}"), ("b", "x", "{}")]),
        ([new("a", "x", None), more('{"a": ', None), more("1}", None)], [("a", "x", WHOLE)]),
        ([new("a", "x", 0, '{"a"'), more(": 1}", 7)], [("a", "x", WHOLE)]),
        ([new("a", "x", 0, '{"a"'), more(": ", 1, "a"), more("1}", 1)], [("a", "x", WHOLE)]),
        ([new("", "x", 0, "{}"), new("", "x", 0, WHOLE)], [("", "x", "{}"), ("", "x", WHOLE)]),
        ([new("", "x", None, "{}"), new("", "y", None, WHOLE)], [("", "x", "{}"), ("", "y", WHOLE)]),
        ([new("", "x", 0, '{"a"'), new("", "x", 0, ": 1}")], [("", "x", WHOLE)]),
        ([new("", "x", 0), more(WHOLE, 0, "a")], [("a", "x", WHOLE)]),
        ([new("", "x", 0), new("a", "x", 0, WHOLE)], [("a", "x", WHOLE)]),
        ([Piece(id="a", index=0), new("", "x", 0, WHOLE)], [("a", "x", WHOLE)]),
        ([Piece(id="a", index=0), Piece(id="a", name="x", arguments=WHOLE)], [("a", "x", WHOLE)]),
        ([new("a", "x", 0, WHOLE), new("a", "x", 0, WHOLE)], [("a", "x", WHOLE)]),
        ([new("a", "x", 0, WHOLE), more(" \n")], [("a", "x", WHOLE)]),
        ([new("a", "x", 0, WHOLE), Piece(index=1), Piece(index=2)], [("a", "x", WHOLE)]),
        ([new("a", "x"), more('{"p": "}"'), more("}")], [("a", "x", '{"p": "}"}')]),
        ([new("a", "x"), more('{"p": "\\'), more('"}'), more(' more"}')], [("a", "x", '{"p": "\\"} more"}')]),
        ([new("a", "x"), more('{"p": "}\\'), more('"{'), more('"}')], [("a", "x", '{"p": "}\\"{"}')]),
    ],
)
def test_a_piece_goes_home_by_id_then_index_then_recency(pieces: list[Piece], calls: list[Told]) -> None:
    assert told(*pieces) == calls


@pytest.mark.parametrize(
    "pieces",
    [
        [more("{}")],
        [new("a", "x", None), new("b", "y", None), more("{}", None)],
        [new("a", "x", 0, "{}"), more("{}", 0)],
        [new("a", "x", 0, "{}"), more("{}", 5)],
        [new("a", "x", 0, "{}"), new("a", "x", 0, WHOLE)],
        [new("a", "x"), new("a", "y")],
        [new("a", "x", 0, '{"a"'), more(": 1}", 0, "b")],
        [new("", "x"), new("", "x", 0, "{}")],
        [Piece(id="a", index=0)],
        [new("a", "x", 0, "{}"), Piece(id="b", index=1, arguments="{}")],
    ],
)
def test_where_two_homes_are_possible_or_none_nothing_is_guessed(pieces: list[Piece]) -> None:
    with pytest.raises(ProtocolError):
        told(*pieces)


def test_the_number_of_calls_has_a_limit() -> None:
    pieces = [new(str(number), "x", number, "{}") for number in range(MOST_CALLS + 1)]
    assert len(told(*pieces[:-1])) == MOST_CALLS
    with pytest.raises(LimitExceeded):
        told(*pieces)
