"""JSON as Go's ``encoding/json`` reads and writes it, because clients of Toxiproxy have come to rely on that. Pure.

Read: names of fields match in any case, unknown ones are ignored, of doubled ones the last counts (objects are merged),
``null`` leaves a default, and what follows the first value is ignored. Written: compact, with ``<``, ``>`` and ``&``
escaped.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, ROUND_UP, Context
from typing import Any, NoReturn

INT64 = range(-(2**63), 2**63)
_ROUNDING = (ROUND_HALF_EVEN, ROUND_UP)
"""To so many digits: the nearest number, then the one above, because above a power of two there is more room."""


class Members(tuple[tuple[str, Any], ...]):
    """An object as it was written: names and values in order, doubled ones too."""

    __slots__ = ()


class Float32(float):
    """The kind of a field that is rounded to 32 bits."""

    __slots__ = ()


KINDS: dict[type, str] = {
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
    Float32: "float32",
    Members: "map[string]interface {}",
    list: "array",
}
"""Go's names of the types that fields may have."""


class BodyError(ValueError):
    """The body is not what it should be; the text is what stands behind ``bad request body:``."""


def decode(raw: bytes) -> Any:
    """The first JSON value in ``raw``; objects are :class:`Members`.

    Raises:
        BodyError: there is none.
    """
    text = raw.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise BodyError("EOF")
    try:
        value, _ = _DECODER.raw_decode(text)
        return _mended(value) if "\\u" in text else value
    except RecursionError:
        raise BodyError("exceeded max depth") from None
    except json.JSONDecodeError as error:
        if error.pos >= len(text) or error.msg.startswith("Unterminated"):
            raise BodyError("unexpected EOF") from None
        raise BodyError(f"invalid character {text[error.pos]!r} at offset {error.pos}: {error.msg}") from None


def fields(value: Any, kinds: Mapping[str, type], owner: str) -> dict[str, Any]:
    """Those members of the object ``value`` that have one of these names and are not null, in the order of ``value``.

    Raises:
        BodyError: ``value`` is no object, or a member has another type than ``kinds`` says.
    """
    if value is None:
        return {}
    if not isinstance(value, Members):
        raise BodyError(f"json: cannot unmarshal {_kind(value)} into Go value of type {owner}")
    known = {name.lower(): name for name in kinds}
    given: dict[str, Any] = {}
    objects: dict[str, list[tuple[str, Any]]] = {}
    for written, one in value:
        name = known.get(written.lower())
        if name is not None and one is not None:
            given[name] = _checked(name, one, kinds[name], owner)
            if kinds[name] is Members:
                objects.setdefault(name, []).extend(one)
    return {**given, **{name: Members(merged) for name, merged in objects.items()}}


def encode(value: Any) -> bytes:
    """``value`` as Go writes it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode()


def float32(number: float) -> float:
    """The shortest number that is the same as ``number`` in 32 bits; a whole one as an integer, if it is no giant.

    Raises:
        OverflowError: it does not fit.
    """
    rounded = _rounded(number)
    ways = (Context(digits, way) for digits in range(1, 10) for way in _ROUNDING)
    shorter = (float(way.create_decimal_from_float(rounded)) for way in ways)
    shortest = next(short for short in shorter if _rounds_to(rounded, short))
    return int(shortest) if shortest.is_integer() and abs(shortest) < 1e21 else shortest


def _rounded(number: float) -> float:
    (rounded,) = struct.unpack("<f", struct.pack("<f", number))
    return float(rounded)


def _rounds_to(rounded: float, number: float) -> bool:
    try:
        return _rounded(number) == rounded
    except OverflowError:  # next to the largest number there are shorter ones that do not fit
        return False


def _checked(name: str, value: Any, kind: type, owner: str) -> Any:
    try:
        return _NUMBERS[kind](value) if kind in _NUMBERS else _plain(value, kind)
    except (TypeError, OverflowError):
        what = f"{_kind(value)} {value}" if _kind(value) == "number" else _kind(value)
        where = f"Go struct field {owner}.{name} of type {KINDS[kind]}"
        raise BodyError(f"json: cannot unmarshal {what} into {where}") from None


def _plain(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _int64(value: Any) -> int:
    if type(value) is not int or value not in INT64:
        raise TypeError
    return value


def _float64(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise TypeError
    return float(value)


_NUMBERS: dict[type, Callable[[Any], float]] = {
    int: _int64,
    float: _float64,
    Float32: lambda value: float32(_float64(value)),
}


def _kind(value: Any) -> str:
    names = {str: "string", bool: "bool", int: "number", float: "number", Members: "object", list: "array"}
    return names.get(type(value), "null")


def _no_constant(name: str) -> NoReturn:
    raise BodyError(f"invalid character {name[0]!r} looking for beginning of value")


def _mended(value: Any) -> Any:
    """The value with halves of surrogate pairs replaced, as Go does: they cannot be encoded again."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case Members():
            return Members((_mended(name), _mended(one)) for name, one in value)
        case list():
            return [_mended(one) for one in value]
        case _:
            return value


def _whole(digits: str) -> float:
    """An integer, or infinity where it is far too long: Python refuses those, Go only where a field wants them."""
    return int(digits) if len(digits) < 1000 else float(digits)


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_int=_whole, object_pairs_hook=Members)
