"""What a setting may be, written once beside the field it belongs to.

``delay: Annotated[float, Between(0, 60)]`` is checked when the value is made (:func:`check`), shown in
error messages, and read by the fuzzer to draw values. Two more say only what is worth drawing, and are never checked:
``Usually(0, 1)`` for numbers and ``Examples(("a", "b"))`` for anything whose type says too little.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, get_type_hints


@dataclass(frozen=True, slots=True)
class Between:
    """A closed range ``low <= x <= high``."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Usually:
    """The part of a number's range from which to draw: what lies beyond is allowed, and takes long to run."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Examples:
    """Values to draw from where others would mean nothing: names of headers, kinds of error, lines of a stream."""

    values: tuple[Any, ...]


class OutOfBounds(ValueError):
    """A setting lies outside its documented range, or has the wrong kind of value."""


def check(owner: Any) -> None:
    """Check every bounded field of the dataclass instance ``owner``.

    Raises:
        OutOfBounds: naming the class, the field, the value and the range.
    """
    for name, bounds in bounds_of(owner.__class__).items():
        value = getattr(owner, name)
        if not isinstance(value, int | float) or not bounds.low <= value <= bounds.high:
            raise OutOfBounds(
                f"{type(owner).__name__}.{name} = {value!r}: expected a number from {bounds.low:g} to {bounds.high:g}"
            )


@cache
def bounds_of(owner: type[Any]) -> dict[str, Between]:
    """The bounds of each bounded field of the dataclass ``owner``, by field name."""
    hints = get_type_hints(owner, include_extras=True)
    found = {field.name: _bounds_in(hints[field.name]) for field in fields(owner)}
    return {name: bounds for name, bounds in found.items() if bounds is not None}


def _bounds_in(hint: Any) -> Between | None:
    extras = getattr(hint, "__metadata__", ())
    return next((extra for extra in extras if isinstance(extra, Between)), None)
