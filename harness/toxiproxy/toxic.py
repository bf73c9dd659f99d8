"""What a toxic is, and what may be said of any toxic in a proxy: its name, stream, toxicity, and when it acts. Pure.

A kind of toxic is one file in ``harness/toxiproxy/toxics``: a frozen dataclass whose fields are its attributes, in the
API's order and with the API's defaults, and one generator. The file's name is its type.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, get_type_hints

from fake_server.bounds import Usually
from harness.toxiproxy.pipe import RECEIVE, Emit, Flow, Pipe

Stream = Literal["upstream", "downstream"]
STREAMS: tuple[Stream, ...] = ("upstream", "downstream")
"""Client to server, and server to client."""

_TOXICS = "harness.toxiproxy.toxics"

STANDARD = frozenset({"noop", "latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data"})
"""The types that Toxiproxy 2.12 has; all others are extensions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxic:
    """One kind of fault of a network. The attributes of the API are the fields; all have defaults, as there."""

    buffer: ClassVar[int] = 1
    """Chunks that may wait in front of it."""
    closes_when_removed: ClassVar[bool] = False
    """Whether its removal closes every connection of its stream, because bytes may have been lost."""

    def pipe(self, flow: Flow) -> Pipe:
        """What happens to one direction of one connection; see :mod:`harness.toxiproxy.pipe`."""
        while (chunk := (yield RECEIVE)) is not None:
            yield Emit(chunk.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """When a toxic acts; an extension, given among its attributes and absent from them when nothing is set."""

    after_bytes: Annotated[int, Usually(0, 4000)] = 0
    """It begins with the byte after these, on each connection; bytes of its own stream count."""
    skip_connections: Annotated[int, Usually(0, 2)] = 0
    """It leaves so many connections alone, counted since it was added, those then open first."""
    only_connections: Annotated[int, Usually(0, 2)] = 0
    """It acts on so many connections after those, and leaves all others alone; 0 is no limit."""

    def acts_on(self, ordinal: int) -> bool:
        """Whether it acts on the connection that is the ``ordinal``-th it has met, from 1."""
        first = max(self.skip_connections, 0)
        last = first + self.only_connections if self.only_connections > 0 else ordinal
        return first < ordinal <= last


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A toxic in a proxy."""

    name: str
    type: str
    stream: Stream
    toxic: Toxic
    toxicity: float = 1
    """Probability that it acts on a connection."""
    activation: Activation = Activation()
    written: str = ""
    """The stream as its author wrote it: the API echoes that."""

    def to_json(self) -> dict[str, Any]:
        """The toxic as the API shows it."""
        settings = {field.name: getattr(self.toxic, field.name) for field in fields(self.toxic)}
        extras = {field.name: getattr(self.activation, field.name) for field in fields(self.activation)}
        return {
            "attributes": {**settings, **{name: value for name, value in extras.items() if value}},
            "name": self.name,
            "type": self.type,
            "stream": self.written or self.stream,
            "toxicity": self.toxicity,
        }

    def changed(self, attributes: Mapping[str, Any], toxicity: float | None) -> Installed:
        """The same with other attributes merged in, and another toxicity where one is given.

        Raises:
            TypeError: an attribute has a value of a wrong kind.
        """
        return replace(
            self,
            toxic=_merged(self.toxic, attributes),
            activation=_merged(self.activation, attributes),
            toxicity=self.toxicity if toxicity is None else toxicity,
        )


@cache
def kinds() -> dict[str, type[Toxic]]:
    """Every kind of toxic by its type, found by walking the package.

    Raises:
        TypeError: a file there does not define exactly one.
    """
    found: dict[str, type[Toxic]] = {}
    for file in pkgutil.iter_modules(importlib.import_module(_TOXICS).__path__):
        module = importlib.import_module(f"{_TOXICS}.{file.name}")
        own = [one for one in vars(module).values() if _is_toxic(one) and one.__module__ == module.__name__]
        if len(own) != 1:
            raise TypeError(f"{module.__file__} must define one toxic, and defines {len(own)}")
        found[file.name] = own[0]
    return found


def _is_toxic(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Toxic)


def attributes_of(kind: type[Any]) -> dict[str, type]:
    """Names and types (int or float) of the attributes of a kind of toxic, or of :class:`Activation`."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def is_standard(type_: str, attributes: Mapping[str, Any]) -> bool:
    """Whether Toxiproxy 2.12 itself understands a toxic of this type with these attributes."""
    return type_ in STANDARD and attributes.keys() <= attributes_of(kinds()[type_]).keys()


INT64 = range(-(2**63), 2**63)


def _merged(settings: Any, attributes: Mapping[str, Any]) -> Any:
    """A copy of ``settings`` with what ``attributes`` says; names match in any case, unknown ones are ignored."""
    known = {name.lower(): name for name in attributes_of(type(settings))}
    given = {known[name.lower()]: value for name, value in attributes.items() if name.lower() in known}
    hints = attributes_of(type(settings))
    return replace(settings, **{n: _checked(n, v, hints[n]) for n, v in given.items() if v is not None})


def _checked(name: str, value: Any, kind: type) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if kind is float and (whole or isinstance(value, float)) and abs(value) <= sys.float_info.max:
        return float(value)
    if kind is int and whole and value in INT64:
        return value
    raise TypeError(f"attribute {name} must be {'a number' if kind is float else 'an integer'}, not {value!r}")
