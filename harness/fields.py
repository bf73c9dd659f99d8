"""The fields of a class of values, whether it is a dataclass or a msgspec struct: name, type and default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

import msgspec

_NONE: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a class."""

    name: str
    hint: Any
    """Its type, with what is annotated."""
    default: Any = _NONE

    @property
    def is_needed(self) -> bool:
        """Whether it has no default."""
        return self.default is _NONE

    def is_default(self, value: Any) -> bool:
        """Whether ``value`` need not be given; ``1``, ``1.0`` and ``True`` differ."""
        return type(value) is type(self.default) and bool(value == self.default)


def fields_of(kind: type[Any]) -> Mapping[str, Field]:
    """The fields that are given when a ``kind`` is made, by name and in their order."""
    known: Any = kind
    return _fields(known)


@cache
def _fields(kind: Any) -> Mapping[str, Field]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: Field(name=name, hint=hints[name], default=default) for name, default in _defaults(kind)}


def _defaults(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    if is_dataclass(kind):
        yield from ((one.name, _default(one.default, one.default_factory, MISSING)) for one in fields(kind) if one.init)
    else:
        nothing = msgspec.NODEFAULT
        own = msgspec.structs.fields(kind)
        yield from ((one.name, _default(one.default, one.default_factory, nothing)) for one in own)


def _default(value: Any, factory: Any, nothing: Any) -> Any:
    if factory is not nothing:
        return factory()
    return _NONE if value is nothing else value
