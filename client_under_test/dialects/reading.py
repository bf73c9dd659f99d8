"""Reads JSON strictly, and fields that have to be of a type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from client_under_test.errors import ProtocolError


def decode_object(raw: bytes, where: str) -> dict[str, Any]:
    """The JSON object in ``raw``, strictly: valid UTF-8, one object, nothing after it.

    Raises:
        ProtocolError: naming ``where`` and the beginning of what was there.
    """
    try:
        value = _decode(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{where!r} does not carry valid JSON ({error}): {snippet(raw)}") from error
    if not isinstance(value, dict):
        raise ProtocolError(f"{where!r} carries JSON that is not an object: {snippet(raw)}")
    return value


def _no_such_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_no_such_constant).decode


def object_of(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object called ``name``.

    Raises:
        KeyError, TypeError: there is none.
    """
    value = fields[name]
    if not isinstance(value, dict):
        raise TypeError(f"{name!r} (not an object)")
    return value


def of_a_type(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """``value``, whose ``type`` is a string.

    Raises:
        KeyError, TypeError: it is not.
    """
    if not isinstance(value["type"], str):
        raise TypeError("'type' (not a string)")
    return value


def text_or_none(fields: Mapping[str, Any], name: str) -> str | None:
    """The string called ``name``, None where there is none.

    Raises:
        TypeError: it is something else.
    """
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name!r} (not a string)")
    return value


def index_of(fields: Mapping[str, Any]) -> int:
    """The number called ``index``.

    Raises:
        KeyError, TypeError: there is none.
    """
    value = fields["index"]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("'index' (not a number)")
    return value


def whole_characters(text: str) -> str:
    """``text`` with surrogate pairs joined and lone surrogates replaced by U+FFFD, so that any sink can encode it."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def snippet(raw: bytes) -> str:
    """The beginning of ``raw``, for messages."""
    text = raw[:120].decode("utf-8", "replace").strip()
    return text + ("…" if len(raw) > 120 else "")
