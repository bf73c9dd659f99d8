"""Values of classes as JSON and back, exactly, by the type hints of their fields.

A value of a class is ``{"is": its class, ...the fields that differ from their defaults}``; a class is found by its
name among those that are known and that the type hint allows. Bytes are base64, tuples and sets are lists. What a hint
calls anything at all is JSON already, and stays as it is: in it nothing stands for something else.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Protocol, TypeAlias, Union, get_args, get_origin

from harness.errors import UsageError, unknown_name
from harness.fields import fields_of
from harness.place import Place

Known: TypeAlias = tuple[type[Any], ...]
"""The classes that may be made by name."""


def dump(value: Any, hint: Any, at: Place, known: Known) -> Any:
    """``value``, which ``hint`` allows, as JSON.

    Raises:
        UsageError: it holds something that cannot be written so that it is read back as it was.
    """
    return _shape(hint, known).dump(value, at)


def load(tree: Any, hint: Any, at: Place, known: Known) -> Any:
    """What :func:`dump` made JSON of.

    Raises:
        UsageError: it is no such thing, naming the place; or a class refuses its fields.
    """
    return _shape(hint, known).load(tree, at)


class _Shape(Protocol):
    """One way of writing values."""

    def takes(self, value: Any) -> bool:
        """Whether it writes values such as this one, or trees such as this one."""
        ...

    def dump(self, value: Any, at: Place) -> Any: ...
    def load(self, tree: Any, at: Place) -> Any: ...


@cache
def _shape(hint: Any, known: Known) -> _Shape:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _shape(args[0], known)
    if origin in (Union, UnionType):
        return _union(args, known)
    if origin is Literal:
        return _Same(" or ".join(map(repr, args)), lambda value: value in args)
    if origin is tuple:
        parts = tuple(_shape(one, known) for one in args if one is not Ellipsis)
        return _Many(parts[0], tuple) if args[-1] is Ellipsis else _Row(parts)
    if origin is frozenset:
        return _Many(_shape(args[0], known), frozenset)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _Choice(hint)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _Table(_shape(args[1], known))
    return _SAME.get(hint) or (_Bytes() if hint is bytes else _made((hint,), known))


def _union(args: tuple[Any, ...], known: Known) -> _Shape:
    """One shape of many: all classes are one of them, since each says its name."""
    shapes = {one: _shape(one, known) for one in args}
    classes = tuple(one for one, shape in shapes.items() if isinstance(shape, _Made))
    rest = [shapes[one] for one in sorted(shapes.keys() - {*classes}, key=lambda one: one is not NoneType)]
    made = [_made(classes, known)] if any(_is_a(one, kind) for one in known for kind in classes) else []
    return _Either((*rest, *made))


def _made(allowed: tuple[Any, ...], known: Known) -> _Shape:
    found = {kind.__name__: kind for kind in known if any(_is_a(kind, one) for one in allowed)}
    return _Made(found, known)


def _is_a(kind: type[Any], allowed: Any) -> bool:
    if getattr(allowed, "_is_protocol", False):
        return all(hasattr(kind, name) for name in vars(allowed) if not name.startswith("_"))
    return isinstance(allowed, type) and issubclass(kind, allowed)


def _is_json(value: Any) -> bool:
    """Whether JSON gives exactly this value back."""
    if type(value) is dict:
        return all(type(key) is str and _is_json(one) for key, one in value.items())
    if type(value) is list:
        return all(map(_is_json, value))
    return type(value) in (NoneType, bool, int, str) or (type(value) is float and isfinite(value))


@dataclass(frozen=True, slots=True)
class _Same:
    """What JSON has itself."""

    words: str
    takes: Callable[[Any], bool]

    def dump(self, value: Any, at: Place) -> Any:
        if not self.takes(value):
            raise at.wrong(self.words, value)
        return value

    load = dump


_SAME: dict[Any, _Shape] = {
    NoneType: _Same("null", lambda value: value is None),
    bool: _Same("true or false", lambda value: type(value) is bool),
    int: _Same("an integer", lambda value: type(value) is int),
    float: _Same("a number", lambda value: type(value) in (int, float) and isfinite(value)),
    str: _Same("a string", lambda value: type(value) is str),
    Any: _Same("JSON", _is_json),
}


@dataclass(frozen=True, slots=True)
class _Bytes:
    """Bytes as base64."""

    def takes(self, value: Any) -> bool:
        return isinstance(value, bytes | str)

    def dump(self, value: Any, at: Place) -> Any:
        if not isinstance(value, bytes):
            raise at.wrong("bytes", value)
        return base64.b64encode(value).decode()

    def load(self, tree: Any, at: Place) -> Any:
        try:
            return base64.b64decode(tree, validate=True)
        except (ValueError, TypeError):
            raise at.wrong("bytes as base64", tree) from None


@dataclass(frozen=True, slots=True)
class _Choice:
    """A member of an enumeration."""

    kind: type[Enum]

    def takes(self, value: Any) -> bool:
        return isinstance(value, self.kind | str)

    def dump(self, value: Any, at: Place) -> Any:
        return self.load(value, at).value

    def load(self, tree: Any, at: Place) -> Any:
        try:
            return self.kind(tree)
        except ValueError:
            raise at.error(unknown_name(self.kind.__name__, str(tree), [str(one.value) for one in self.kind])) from None


@dataclass(frozen=True, slots=True)
class _Many:
    """A tuple of any length, or a set, whose order is that of its trees."""

    item: _Shape
    kind: type[tuple[Any, ...] | frozenset[Any]]

    def takes(self, value: Any) -> bool:
        return isinstance(value, self.kind | list)

    def dump(self, value: Any, at: Place) -> Any:
        if not isinstance(value, self.kind):
            raise at.wrong(f"a {self.kind.__name__}", value)
        trees = [self.item.dump(one, at.item(number)) for number, one in enumerate(value)]
        return sorted(trees) if self.kind is frozenset else trees

    def load(self, tree: Any, at: Place) -> Any:
        if not isinstance(tree, list):
            raise at.wrong("a list", tree)
        return self.kind(self.item.load(one, at.item(number)) for number, one in enumerate(tree))


@dataclass(frozen=True, slots=True)
class _Row:
    """A tuple whose places differ."""

    items: tuple[_Shape, ...]

    def takes(self, value: Any) -> bool:
        return isinstance(value, tuple | list) and len(value) == len(self.items)

    def dump(self, value: Any, at: Place) -> Any:
        if not self.takes(value):
            raise at.wrong(f"{len(self.items)} values", value)
        return [item.dump(one, at.item(n)) for n, (item, one) in enumerate(zip(self.items, value, strict=True))]

    def load(self, tree: Any, at: Place) -> Any:
        if not self.takes(tree):
            raise at.wrong(f"a list of {len(self.items)}", tree)
        return tuple(item.load(one, at.item(n)) for n, (item, one) in enumerate(zip(self.items, tree, strict=True)))


@dataclass(frozen=True, slots=True)
class _Table:
    """A mapping whose keys are strings."""

    item: _Shape

    def takes(self, value: Any) -> bool:
        return isinstance(value, Mapping)

    def dump(self, value: Any, at: Place) -> Any:
        return {name: self.item.dump(one, at.field(name)) for name, one in self._items(value, at)}

    def load(self, tree: Any, at: Place) -> Any:
        return {name: self.item.load(one, at.field(name)) for name, one in self._items(tree, at)}

    def _items(self, value: Any, at: Place) -> Iterable[tuple[str, Any]]:
        if not isinstance(value, Mapping) or not all(type(name) is str for name in value):
            raise at.wrong("an object whose names are strings", value)
        return value.items()


@dataclass(frozen=True, slots=True)
class _Either:
    """The first of several shapes that takes it."""

    shapes: tuple[_Shape, ...]

    def takes(self, value: Any) -> bool:
        return any(shape.takes(value) for shape in self.shapes)

    def dump(self, value: Any, at: Place) -> Any:
        return self._of(value).dump(value, at)

    def load(self, tree: Any, at: Place) -> Any:
        return self._of(tree).load(tree, at)

    def _of(self, value: Any) -> _Shape:
        """Where none takes it, the last one says what is wrong."""
        return next((shape for shape in self.shapes if shape.takes(value)), self.shapes[-1])


@dataclass(frozen=True, slots=True)
class _Made:
    """A value of one of some classes."""

    classes: Mapping[str, type[Any]]
    known: Known

    def takes(self, value: Any) -> bool:
        return isinstance(value, (dict, *self.classes.values()))

    def dump(self, value: Any, at: Place) -> Any:
        kind = type(value)
        if kind not in self.classes.values():
            raise at.error(f"{kind.__module__}.{kind.__name__} is none of the classes that can be written here")
        given = [(one, getattr(value, one.name)) for one in fields_of(kind).values()]
        changed = {one.name: (one.hint, value) for one, value in given if not one.is_default(value)}
        trees = {name: dump(value, hint, at.field(name), self.known) for name, (hint, value) in changed.items()}
        return {"is": kind.__name__, **trees}

    def load(self, tree: Any, at: Place) -> Any:
        kind = self._kind(tree, at)
        hints = {name: one.hint for name, one in fields_of(kind).items()}
        given = {name: one for name, one in tree.items() if name != "is"}
        if strange := next((name for name in given if name not in hints), None):
            raise at.field(strange).error(unknown_name(f"field of {kind.__name__}", strange, hints))
        made = {name: load(one, hints[name], at.field(name), self.known) for name, one in given.items()}
        if missing := [one.name for one in fields_of(kind).values() if one.is_needed and one.name not in made]:
            raise at.error(f"{kind.__name__} needs {' and '.join(missing)}")
        try:
            return kind(**made)
        except (ValueError, TypeError, UsageError) as refused:
            raise at.error(refused) from None

    def _kind(self, tree: Any, at: Place) -> type[Any]:
        if not isinstance(tree, dict) or not isinstance(tree.get("is"), str):
            raise at.wrong(f'{{"is": {" or ".join([*self.classes][:3])}, ...}}', tree)
        if tree["is"] not in self.classes:
            raise at.error(unknown_name("class", tree["is"], self.classes))
        return self.classes[tree["is"]]
