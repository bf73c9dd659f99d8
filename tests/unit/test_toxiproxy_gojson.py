"""JSON as Go has it: what is read of a body, in which words a bad one is refused, and how answers are written."""

from __future__ import annotations

import ctypes
import json
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.toxiproxy.gojson import INT64, KINDS, BodyError, Members, decode, encode, fields, float32

HIDDEN = "<>&\u2028\u2029"
"""What Go escapes though JSON need not."""
KINDS_OF_ALL: dict[str, type] = {kind.__name__.lower(): kind for kind in KINDS}
"""One field of each kind."""
NAMES = st.sampled_from(sorted(KINDS_OF_ALL))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PLAIN = st.text('abé😀 "\\{}[]:,', max_size=8)
"""Text that is written with no escape that has a number."""
LARGEST = (2 - 2.0**-23) * 2.0**127
"""The largest number of 32 bits; the shorter ones next to it do not fit."""
FLOATS_32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
RIGHT: dict[str, Any] = {
    "str": "x",
    "bool": False,
    "int": -5,
    "float": 0.1,
    "float32": 0.5,
    "members": Members((("a", 1),)),
    "list": [1],
}
"""A good value for each field."""


def read(value: Any) -> Any:
    """``value`` with its objects as they are read."""
    if isinstance(value, dict):
        return Members((name, read(one)) for name, one in value.items())
    return [read(one) for one in value] if isinstance(value, list) else value


def in_32_bits(number: float) -> float:
    """The number as 32 bits have it; infinite where it does not fit."""
    return ctypes.c_float(number).value


def refusal(raw: bytes) -> str:
    with pytest.raises(BodyError) as caught:
        decode(raw)
    return str(caught.value)


def refused(name: str, value: Any) -> str:
    """Why a field may not have the value."""
    with pytest.raises(BodyError) as caught:
        fields(Members([(name, value)]), KINDS_OF_ALL, "Toxic")
    return str(caught.value)


# ---- reading ---------------------------------------------------------------------------------------------------------


@given(JSON)
def test_what_was_written_is_read_again(value: Any) -> None:
    assert decode(encode(value)) == read(value)


@given(st.dictionaries(PLAIN, PLAIN | st.integers()), st.binary())
def test_what_follows_the_first_value_is_no_part_of_it(value: Any, rest: bytes) -> None:
    assert decode(b" \t\r\n" + encode(value) + rest) == read(value)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers())))
def test_doubled_members_are_all_read_in_their_order(members: list[tuple[str, int]]) -> None:
    raw = "{" + ",".join(f'"{name}":{value}' for name, value in members) + "}"
    assert decode(raw.encode()) == Members(members)


@given(st.text(st.sampled_from("a😀\ud83d\ude00\ud800\udfff\ufffd")))
def test_halves_of_characters_are_joined_or_replaced_one_by_one_wherever_they_stand(text: str) -> None:
    whole = re.sub("[\ud800-\udbff][\udc00-\udfff]", lambda pair: json.loads(f'"{escaped(pair[0])}"'), text)
    mended = re.sub("[\ud800-\udfff]", "\ufffd", whole)
    raw = f'{{"{escaped(text)}":["{escaped(text)}",1]}}'.encode()
    assert decode(raw) == Members([(mended, [mended, 1])])
    assert encode(dict(decode(raw)))


def escaped(text: str) -> str:
    """The text with every half of a character as an escape of its own."""
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)


def test_a_byte_that_is_no_character_is_replaced() -> None:
    assert decode(b'"a\xffb"') == "a\ufffdb"


def test_an_integer_may_be_as_long_as_it_likes_where_nobody_wants_it() -> None:
    assert decode(b'{"other":' + b"1" * 5000 + b',"bool":true}')[1] == ("bool", True)


@given(st.dictionaries(PLAIN, PLAIN | st.lists(PLAIN, max_size=2), min_size=1, max_size=2), st.data())
def test_a_body_that_ends_too_early_is_named_by_its_end(value: Any, data: st.DataObject) -> None:
    text = encode(value).decode()
    assert refusal(text[: data.draw(st.integers(1, len(text) - 1))].encode()) == "unexpected EOF"


@given(st.text(" \t\r\n"))
def test_a_body_of_nothing_is_an_end_without_a_beginning(spaces: str) -> None:
    assert refusal(spaces.encode()) == "EOF"


@pytest.mark.parametrize("opening", [b"[", b'{"x":', rb'["\u0061",'])
def test_a_body_that_is_nested_too_deep_is_refused_for_that(opening: bytes) -> None:
    assert refusal(opening * 100_000) == "exceeded max depth"


@pytest.mark.parametrize(
    ("raw", "culprit"),
    [
        (b"nan", "n"),
        (b"NaN", "N"),
        (b'{"x":-Infinity}', "-"),
        (b"\xff", "\ufffd"),
        (b"\xef\xbb\xbf{}", "\ufeff"),
        (b"{'x':1}", "'"),
        (b'{"x":01}', "1"),
        (b'{"x":1.}', "."),
        (b'{"x":+1}', "+"),
        (b'{"x" 1}', "1"),
        (b"/**/{}", "/"),
        (b"\x0b{}", "\x0b"),
        (b"\xc2\xa0{}", "\xa0"),
    ],
)
def test_a_body_that_is_no_json_is_refused_with_the_character_where_it_went_wrong(raw: bytes, culprit: str) -> None:
    assert refusal(raw).startswith(f"invalid character {culprit!r} ")


@given(st.binary() | st.text('{}[]":,\\/u01dDeE+-.ntrlfas NIiy').map(str.encode))
def test_whatever_comes_is_a_value_or_refused_with_a_reason(raw: bytes) -> None:
    try:
        decode(raw)
    except BodyError as error:
        assert str(error)  # noqa: PT017 - not everything is refused


# ---- fields ----------------------------------------------------------------------------------------------------------


@given(NAMES, st.lists(st.booleans(), min_size=7, max_size=7))
def test_a_member_matches_a_field_in_any_case(name: str, upper: list[bool]) -> None:
    written = "".join(char.upper() if up else char for char, up in zip(name, upper, strict=False))
    assert fields(Members([(written + name[7:], RIGHT[name])]), KINDS_OF_ALL, "Toxic") == {name: RIGHT[name]}


@given(st.permutations(sorted(KINDS_OF_ALL)), st.dictionaries(PLAIN, st.integers()))
def test_fields_come_in_the_order_of_the_body_and_unknown_members_do_not(order: list[str], others: Any) -> None:
    unknown = [(f"{name}?", one) for name, one in read(others)]
    given_ = Members([*unknown, *((name, RIGHT[name]) for name in order), *unknown])
    assert list(fields(given_, KINDS_OF_ALL, "Toxic").items()) == [(name, RIGHT[name]) for name in order]


@given(st.lists(st.tuples(st.sampled_from(["int", "Int", "INT"]), st.none() | st.integers(-9, 9))))
def test_the_last_member_that_is_not_null_counts(members: list[tuple[str, int | None]]) -> None:
    values = [value for _, value in members if value is not None]
    assert fields(Members(members), KINDS_OF_ALL, "Toxic") == ({"int": values[-1]} if values else {})


@given(st.lists(st.none() | st.dictionaries(NAMES, st.integers()).map(read), min_size=1, max_size=4))
def test_objects_that_are_doubled_are_merged(objects: list[Members | None]) -> None:
    merged = [member for one in objects if one is not None for member in one]
    some = {"members": Members(merged)} if any(one is not None for one in objects) else {}
    assert fields(Members(("members", one) for one in objects), KINDS_OF_ALL, "Toxic") == some


def test_null_is_an_object_without_members() -> None:
    assert fields(None, KINDS_OF_ALL, "Toxic") == {}


@pytest.mark.parametrize(
    ("raw", "kind"),
    [(b"[]", "array"), (b"1", "number"), (b"1.5", "number"), (b'"x"', "string"), (b"true", "bool")],
)
def test_a_body_that_is_no_object_is_refused_with_its_kind(raw: bytes, kind: str) -> None:
    with pytest.raises(BodyError) as caught:
        fields(decode(raw), KINDS_OF_ALL, "Toxic")
    assert str(caught.value) == f"json: cannot unmarshal {kind} into Go value of type Toxic"


@pytest.mark.parametrize(
    ("name", "value", "what", "kind"),
    [
        ("str", 5, "number 5", "string"),
        ("bool", "true", "string", "bool"),
        ("bool", 1, "number 1", "bool"),
        ("int", True, "bool", "int64"),
        ("int", "1", "string", "int64"),
        ("int", 1.5, "number 1.5", "int64"),
        ("int", INT64.stop, f"number {2**63}", "int64"),
        ("int", INT64.start - 1, f"number {-(2**63) - 1}", "int64"),
        ("float", False, "bool", "float64"),
        ("float", Members(), "object", "float64"),
        ("float", 10**400, f"number {10**400}", "float64"),
        ("float", float("inf"), "number inf", "float64"),
        ("float32", "1", "string", "float32"),
        ("float32", 10**39, f"number {10**39}", "float32"),
        ("members", [], "array", "map[string]interface {}"),
        ("list", Members(), "object", "array"),
    ],
    ids=lambda one: str(one)[:12],
)
def test_a_member_of_a_wrong_type_is_refused_with_what_it_is_and_what_is_wanted(
    name: str, value: Any, what: str, kind: str
) -> None:
    where = f"Go struct field Toxic.{name} of type {kind}"
    assert refused(name, value) == f"json: cannot unmarshal {what} into {where}"
    assert refused(name.upper(), value) == refused(name, value)


@given(NAMES, NAMES, st.booleans())
def test_a_member_has_the_type_of_its_field_or_is_refused_even_if_a_right_one_follows(
    name: str, other: str, last: bool
) -> None:
    members = [(name, RIGHT[other]), (name, RIGHT[name])][:: -1 if last else 1]
    if other == name or {name, other} <= {"float", "float32"} or (name.startswith("float") and other == "int"):
        assert fields(Members(members), KINDS_OF_ALL, "Toxic").keys() == {name}
        return
    with pytest.raises(BodyError, match=rf"Toxic\.{name} of type "):
        fields(Members(members), KINDS_OF_ALL, "Toxic")


@given(st.integers(INT64.start, INT64.stop - 1))
def test_an_integer_of_64_bits_stays_what_it_is(number: int) -> None:
    assert fields(Members([("int", number)]), KINDS_OF_ALL, "Toxic") == {"int": number}


@given(FLOATS_32)
@example(LARGEST)
def test_a_field_of_32_bits_is_rounded_to_them(number: float) -> None:
    (shown,) = fields(Members([("float32", number)]), KINDS_OF_ALL, "Toxic").values()
    assert shown == float32(number)


# ---- writing ---------------------------------------------------------------------------------------------------------


@given(JSON | st.text(HIDDEN) | st.dictionaries(st.text(HIDDEN), st.text(HIDDEN)))
def test_what_is_written_is_json_on_one_line_that_a_web_page_may_hold(value: Any) -> None:
    text = encode(value).decode()
    assert json.loads(text) == value
    assert not set(text) & {*HIDDEN, "\n"}


def test_what_is_written_is_compact_and_characters_are_themselves() -> None:
    assert encode({"é": [1, "<😀>"], "b": None}) == r'{"é":[1,"\u003c😀\u003e"],"b":null}'.encode()


@given(st.floats(-3.4e38, 3.4e38) | FLOATS_32)
def test_a_number_is_shown_as_one_that_is_the_same_in_32_bits(number: float) -> None:
    assert in_32_bits(float32(number)) == in_32_bits(number)
    assert float32(float32(number)) == float32(number)


@given(FLOATS_32)
@example(2.0**87)
def test_no_number_with_fewer_digits_is_the_same_in_32_bits(number: float) -> None:
    digits = len(Decimal(repr(float(float32(number)))).normalize().as_tuple().digits)
    for way in (ROUND_FLOOR, ROUND_CEILING):
        if digits > 1:
            shorter = float(Context(prec=digits - 1, rounding=way).create_decimal_from_float(number))
            assert in_32_bits(shorter) != in_32_bits(number)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (1.0, "1"),
        (0.0, "0"),
        (-2.5, "-2.5"),
        (LARGEST, "3.4028235e+38"),
        (2.0**87, "1.5474251e+26"),
        (0.5, "0.5"),
        (0.1, "0.1"),
        (1 / 3, "0.33333334"),
        (16777217, "16777216"),
        (3.4e38, "3.4e+38"),
    ],
)
def test_a_number_of_32_bits_is_written_as_short_as_go_does(number: float, shown: str) -> None:
    assert encode(float32(number)) == shown.encode()


@given(FLOATS_32)
def test_a_whole_number_is_an_integer_unless_it_is_a_giant(number: float) -> None:
    assert isinstance(float32(number), int) is (number.is_integer() and abs(number) < 1e21)


@given(st.floats(min_value=2.0**128, allow_infinity=False), st.sampled_from([1, -1]))
def test_a_number_that_does_not_fit_into_32_bits_is_refused(number: float, sign: int) -> None:
    with pytest.raises(OverflowError):
        float32(sign * number)
