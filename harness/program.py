"""What the head of a client's program says of it. Pure.

A client in any language is one file. Its head is a comment that holds TOML, as PEP 723 has it for Python; behind ``//``
it is the same in other languages::

    # /// script
    # dependencies = ["openai>=3,<4"]
    #
    # [tool.streamproof]
    # policy = "raise"
    # capabilities = ["retries", "tools"]
    # ///
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

import msgspec

from fake_server.dialect import Dialect
from harness.errors import UsageError
from harness.model import Capability, Policy

_HEAD = re.compile(r"^(?P<sign>#|//) /// script$\n(?P<body>(?:^(?:#|//)(?: .*)?$\n)+?)^(?:#|//) ///$", re.MULTILINE)
"""PEP 723, "Specification", with a choice of comment signs."""


class Program(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[tool.streamproof]``: what the client promises and can, and how its program is run."""

    name: str = ""
    """The file's stem when empty."""
    version: str = ""
    policy: Policy = Policy.BEST_EFFORT
    capabilities: frozenset[Capability] = frozenset()
    dialect: Dialect = Dialect.ANTHROPIC
    """The API that it speaks."""
    needs: tuple[str, ...] = ()
    """Programs that must be on the machine beside the language's own."""
    at_once: int = 0
    """How many calls it can make at once; 0 leaves it to the harness."""
    many: bool = False
    """Whether one process makes all calls: a job is a line of its input, and has an ``id``."""
    dependencies: tuple[str, ...] = ()
    """Packages of its language's registry, the most important first: its version is the client's."""
    requires_python: str = ""
    """``requires-python`` of the head: ``>=3.12`` where its packages need a later Python than streamproof does."""


def head_of(text: str, where: str) -> Program:
    """What ``text`` says at its head; all defaults where it has none.

    Args:
        where: the file's name, for errors.

    Raises:
        UsageError: the head is no TOML, or says what no head may.
    """
    found = list(_HEAD.finditer(text))
    if not found:
        return Program()
    if len(found) > 1:
        raise UsageError(f"{where} has {len(found)} heads `/// script`; PEP 723 allows one")
    sign = found[0]["sign"]
    lines = (line.removeprefix(sign).removeprefix(" ") for line in found[0]["body"].splitlines())
    try:
        table = tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the head `/// script` of {where} is no TOML: {error}") from error
    return _read(table, where)


def _read(table: dict[str, Any], where: str) -> Program:
    tools = table.get("tool", {})
    ours = tools.get("streamproof", {}) if isinstance(tools, dict) else None
    if not isinstance(ours, dict):
        raise UsageError(f"[tool.streamproof] of {where} must be a table")
    try:
        packages = {"dependencies": table.get("dependencies", []), "requires_python": table.get("requires-python", "")}
        head = msgspec.convert({**packages, **ours}, Program)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"[tool.streamproof] of {where}: {error}; known are {', '.join(Program.__struct_fields__[:-2])}; "
            f"policies: {', '.join(Policy)}; capabilities: {', '.join(Capability)}; dialects: {', '.join(Dialect)}"
        ) from error
    if Capability.REUSE in head.capabilities and not head.many:
        why = "the capability reuse needs many = true: what has a process for each call shares no client between two"
        raise UsageError(f"[tool.streamproof] of {where}: {why}")
    return head
