"""Where a scenario is defined: the file and the line that a report may point at.

The source is read and not run. Names of scenarios are written in three ways, and each has its line:

* as they are, ``faulted("crlf", ...)``: the line of the name;
* made by a helper, ``_stream("plain", ...)`` with ``f"stream_{name}"`` in it: the line where the helper is called;
* made in a loop, ``f"status_{status}"``: the line of that; of two that could say it, the first.
"""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from harness.recorded import FAMILY

_PART = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A line of a file. ``path`` is relative to the folder that holds the package ``scenarios``; lines count from 1."""

    path: str
    line: int


def defined(scenario: str, read: Callable[[str], str | None]) -> Definition:
    """Where ``scenario`` is defined.

    Args:
        scenario: its id, which may be that of a history that somebody else wrote.
        read: gives the text of the file at a path, None when there is none. It is asked for files in the folder
            ``scenarios`` and for no others.

    Returns:
        The first line of the file where the scenario would stand, when it does not (or no longer) stand there; of the
        whole catalogue when the id is none.
    """
    family, _, name = scenario.partition(".")
    if not (_PART.fullmatch(family) and _PART.fullmatch(name)):
        return Definition(path="scenarios/__init__.py", line=1)
    if family == FAMILY:
        return Definition(path=f"scenarios/{FAMILY}/{name}.json", line=1)
    path = f"scenarios/{family}.py"
    source = read(path)
    return Definition(path=path, line=1 if source is None else line_of(source, name))


def line_of(source: str, name: str) -> int:
    """The line of a module's ``source`` that defines the scenario called ``name`` in its family; 1 when none does.

    Raises:
        SyntaxError: it is no Python.
    """
    calls = _calls(source)
    return next((call.line for way in (_literal, _by_helper, _patterned) for call in way(calls, name)), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A call that is given a name."""

    callee: str
    said: ast.expr
    """``name=``, or the first argument that is a text."""
    helper: str
    """The function in which it stands; empty outside of all."""

    @property
    def line(self) -> int:
        return self.said.lineno


@cache
def _calls(source: str) -> tuple[_Call, ...]:
    """Every call that is given a name, the outermost first: a toxic may be called as its scenario is."""
    found: list[_Call] = []
    queue: deque[tuple[ast.AST, str]] = deque([(ast.parse(source), "")])
    while queue:
        node, helper = queue.popleft()
        helper = node.name if isinstance(node, ast.FunctionDef) else helper
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            given = [*(one.value for one in node.keywords if one.arg == "name"), *filter(_is_text, node.args)]
            found += [_Call(callee=node.func.id, said=said, helper=helper) for said in given[:1]]
        queue.extend((child, helper) for child in ast.iter_child_nodes(node))
    return tuple(found)


def _literal(calls: tuple[_Call, ...], name: str) -> Iterator[_Call]:
    return (call for call in calls if _constant(call.said) == name)


def _by_helper(calls: tuple[_Call, ...], name: str) -> Iterator[_Call]:
    """Calls of a function which puts what it is given into the name."""
    given = {(call.helper, hole) for call in calls for hole in _holes(call.said, name)}
    return (call for call in calls if (call.callee, _constant(call.said)) in given)


def _patterned(calls: tuple[_Call, ...], name: str) -> Iterator[_Call]:
    return (call for call in calls if _holes(call.said, name))


def _holes(said: ast.expr, name: str) -> tuple[str, ...]:
    """What stands in the holes of an f-string when it says ``name``; nothing when it cannot."""
    if not isinstance(said, ast.JoinedStr):
        return ()
    pattern = "".join(re.escape(_constant(part)) or "(.+)" for part in said.values)
    match = re.fullmatch(pattern, name)
    return match.groups() if match is not None else ()


def _is_text(said: ast.expr) -> bool:
    return isinstance(said, ast.JoinedStr) or bool(_constant(said))


def _constant(said: ast.expr) -> str:
    return said.value if isinstance(said, ast.Constant) and isinstance(said.value, str) else ""
