"""The pages of laws, faults and toxics: what the code says of each, with settings and their ranges. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from inspect import getdoc
from typing import Any, get_args, get_origin

from fake_server.bounds import Between, Usually
from fake_server.fault import Fault
from fake_server.position import Position
from harness.fields import Field, fields_of
from harness.law import Law
from harness.site.words import docstring, table
from harness.toxiproxy.toxic import STANDARD, Activation, Toxic

_LAWS = """# The laws

Each is one sentence that must hold in every history, as a pure function in a file of its own. A check that cannot tell
says UNKNOWN, and so does one that raises. `streamproof explain CODE` prints what stands here.
"""
_FAULTS = """# Faults of replies

What the server does wrong on purpose. A fault is a value in a scenario's script, rewrites one layer of a reply, and
leaves a mark where it strikes: without the mark the case is UNKNOWN.
"""
_TOXICS = """# Toxics

What the network does. Units, and how to use them from any Toxiproxy client, stand on the page of
[the network layer](network.md#toxics).
"""
_COLUMNS = ("setting", "kind", "may be", "the fuzzer draws", "default")
_LAYERS = ("head", "body", "wire")


def laws(every: Iterable[Law]) -> str:
    """The page of all laws, in order of code."""
    lines = [_LAWS]
    for law in every:
        name = law.name.replace("_", " ")
        late = "any" if law.tolerates is None else f"{law.tolerates:g} s"
        lines += [f"## {law.code}: {name} {{ #{law.code.lower()} }}", "", docstring(law.text), ""]
        lines += [f"*Rank of its harm: {law.rank} (1 is the worst). How late the harness itself may come: {late}.*", ""]
    return "\n".join(lines)


def faults(every: Mapping[str, type[Fault]]) -> str:
    """The page of all faults of replies, by name."""
    lines = [_FAULTS]
    for name, kind in every.items():
        lines += [f"## {name}", "", docstring(getdoc(kind) or ""), "", f"Layer: {_layers(kind)}", ""]
        lines += [*_settings(kind), ""]
    return "\n".join(lines)


def toxics(every: Mapping[str, type[Toxic]]) -> str:
    """The page of all toxics, by type."""
    lines = [_TOXICS]
    for name, kind in every.items():
        whose = "Toxiproxy 2.12 has it." if name in STANDARD else "Ours: Toxiproxy itself does not have it."
        lines += [f"## {name}", "", docstring(getdoc(kind) or ""), "", whose, "", *_settings(kind), ""]
    lines += ["## With any toxic", "", docstring(getdoc(Activation) or ""), "", *_settings(Activation), ""]
    return "\n".join(lines)


def _layers(kind: type[Fault]) -> str:
    return ", ".join(f"`{one}`" for one in _LAYERS if getattr(kind, one) is not getattr(Fault, one))


def _settings(kind: type[Any]) -> Iterator[str]:
    fields = fields_of(kind)
    if not fields:
        yield "It has no settings."
        return
    rows = [_setting(field) for field in fields.values()]
    told = [at for at in range(len(_COLUMNS)) if any(row[at] for row in rows)]
    yield from table([_COLUMNS[at] for at in told], [[row[at] for at in told] for row in rows])


def _setting(field: Field) -> tuple[str, ...]:
    default = "" if field.is_needed else f"`{field.default!r}`"
    allowed, drawn = _range(field.hint, Between), _range(field.hint, Usually)
    return f"`{field.name}`", f"`{kind_of(field.hint)}`", allowed, drawn, default


def _range(hint: Any, kind: type[Between] | type[Usually]) -> str:
    found = next((one for one in getattr(hint, "__metadata__", ()) if isinstance(one, kind)), None)
    return "" if found is None else f"{_plain(found.low)} to {_plain(found.high)}"


def _plain(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def kind_of(hint: Any) -> str:
    """A type as its author wrote it, without what is annotated and without its modules."""
    if hint == Position:
        return "Position"
    if hasattr(hint, "__metadata__"):
        return kind_of(get_args(hint)[0])
    if (origin := get_origin(hint)) is None or isinstance(hint, str):
        return "None" if hint is type(None) else str(getattr(hint, "__name__", hint))
    parts = [repr(one) if isinstance(one, str) else "..." if one is ... else kind_of(one) for one in get_args(hint)]
    name = str(getattr(origin, "__name__", origin))
    if name in ("UnionType", "Union"):
        return " or ".join(parts)
    return f"{re.sub('^_', '', name)}[{', '.join(parts)}]"
