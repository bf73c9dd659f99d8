"""Small modules of JavaScript as one, for a page that may load nothing. Pure.

A module says ``import { a, b } from "./other.js";`` on a line of its own, and ``export`` before what it gives. All
names at the top of modules must differ, for they share one scope in the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.-]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|let|class)\b)", re.MULTILINE)
_NAME = re.compile(r"^(?:export )?(?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)


def bundled(entry: str, read: Callable[[str], str]) -> str:
    """The module called ``entry`` with all that it imports before it, each once.

    Args:
        read: gives the text of a module by its name.

    Raises:
        ValueError: two modules have one name for something, or import one another.
    """
    parts: dict[str, str] = {}
    names: dict[str, str] = {}
    _add(entry, read, parts, names, ())
    return "\n".join(parts.values())


def _add(
    name: str, read: Callable[[str], str], parts: dict[str, str], names: dict[str, str], path: tuple[str, ...]
) -> None:
    if name in path:
        raise ValueError(f"{' imports '.join([*path, name])}")
    if name in parts:
        return
    text = read(name)
    for imported in _IMPORT.findall(text):
        _add(imported, read, parts, names, (*path, name))
    for one in _NAME.findall(text):
        if one in names:
            raise ValueError(f"{name} and {names[one]} both have {one}")
        names[one] = name
    parts[name] = _EXPORT.sub("", _IMPORT.sub("", text))
