"""JSON as Go's ``encoding/json`` reads and writes it, because clients of Toxiproxy have come to rely on that. Pure.

Read: names of fields match in any case, unknown ones are ignored, of doubled ones the last counts, ``null`` leaves a
default, and what follows the first value is ignored. Written: compact, with ``<``, ``>`` and ``&`` escaped.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, NoReturn

KINDS: dict[type, str] = {str: "string", bool: "bool", float: "float32", dict: "map[string]interface {}", list: "array"}
"""Go's names of the types that fields may have."""


class BodyError(ValueError):
    """The body is not what it should be; the text is what stands behind ``bad request body:``."""


def decode(raw: bytes) -> Any:
    """The first JSON value in ``raw``.

    Raises:
        BodyError: there is none.
    """
    text = raw.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise BodyError("EOF")
    try:
        return _mended(_DECODER.raw_decode(text)[0])
    except RecursionError:
        raise BodyError("exceeded max depth") from None
    except json.JSONDecodeError as error:
        if error.pos >= len(text):
            raise BodyError("unexpected EOF") from None
        raise BodyError(f"invalid character {text[error.pos]!r} at offset {error.pos}: {error.msg}") from None
    except ValueError as error:  # a number with thousands of digits
        raise BodyError(str(error)) from None


def fields(value: Any, kinds: Mapping[str, type], owner: str) -> dict[str, Any]:
    """Those members of the object ``value`` that have one of these names and are not null.

    Raises:
        BodyError: ``value`` is no object, or a member has another type than ``kinds`` says.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BodyError(f"json: cannot unmarshal {_kind(value)} into Go value of type {owner}")
    known = {name.lower(): name for name in kinds}
    given = {known[name.lower()]: one for name, one in value.items() if name.lower() in known and one is not None}
    return {name: _checked(name, one, kinds[name], owner) for name, one in given.items()}


def encode(value: Any) -> bytes:
    """``value`` as Go writes it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode()


def float32(number: float) -> float:
    """The shortest number that is the same as ``number`` in 32 bits; a whole one as an integer.

    Raises:
        OverflowError: it does not fit.
    """
    packed = struct.pack("f", number)
    shortest = next(
        short for digits in range(1, 10) if struct.pack("f", short := float(f"{number:.{digits}g}")) == packed
    )
    return int(shortest) if shortest.is_integer() else shortest


def _checked(name: str, value: Any, kind: type, owner: str) -> Any:
    right = isinstance(value, kind) or (kind is float and isinstance(value, int) and not isinstance(value, bool))
    if not right:
        raise BodyError(
            f"json: cannot unmarshal {_kind(value)} into Go struct field {owner}.{name} of type {KINDS[kind]}"
        )
    if kind is not float:
        return value
    try:
        return float32(value)
    except OverflowError:
        raise BodyError(
            f"json: cannot unmarshal number {value} into Go struct field {owner}.{name} of type float32"
        ) from None


def _kind(value: Any) -> str:
    names = {str: "string", bool: "bool", int: "number", float: "number", dict: "object", list: "array"}
    return names.get(type(value), "null")


def _no_constant(name: str) -> NoReturn:
    raise BodyError(f"invalid character {name[0]!r} looking for beginning of value")


def _mended(value: Any) -> Any:
    """The value with halves of surrogate pairs replaced, as Go does: they cannot be encoded again."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {_mended(name): _mended(one) for name, one in value.items()}
        case list():
            return [_mended(one) for one in value]
        case _:
            return value


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
