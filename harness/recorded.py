"""Scenarios as files: what fuzzing found is written down exactly, and is a scenario of the catalogue from then on.

A file in ``scenarios/recorded`` is one scenario of the family ``recorded``, and the file's name is its name. It says
everything that the script and the network do, so it replays without the fuzzer, and after the fuzzer has changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from fake_server import answer, blocks, fault, position, replayed, script, wire
from fake_server.fault import Fault
from harness import model, network, tree
from harness.errors import UsageError
from harness.model import Scenario
from harness.place import Place

FAMILY = "recorded"
TITLE = "What fuzzing found, shrunk to the least that still failed."
HARM = "What the user sees is not what the model said, or not all of it, and nobody says so."
_MODULES: tuple[ModuleType, ...] = (script, answer, blocks, replayed, wire, position, model, network)
"""Whose classes a scenario may be made of, beside the faults. A name counts only where its type may stand."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAME = re.compile(r"[a-z0-9_]+")


def dump(scenario: Scenario) -> dict[str, Any]:
    """The scenario as JSON; :func:`load` makes an equal one of it.

    Raises:
        UsageError: it holds something that cannot be recorded, such as a receiver or a step of somebody's own.
    """
    found: dict[str, Any] = tree.dump(scenario, Scenario, Place(f"scenario {scenario.id}"), _known())
    return found


def load(dumped: Any, where: str) -> Scenario:
    """The scenario that :func:`dump` made JSON of.

    Args:
        dumped: the JSON, decoded.
        where: the file, for error messages.

    Raises:
        UsageError: it is no scenario; names the file and the path in it.
    """
    found: Scenario = tree.load(dumped, Scenario, Place(where), _known())
    return found


def load_faults(dumped: Any, where: str) -> tuple[Fault, ...]:
    """Faults that are written as those of a scenario are.

    Raises:
        UsageError: they are none; names ``where`` and the path in it.
    """
    found: tuple[Fault, ...] = tree.load(dumped, tuple[Fault, ...], Place(where), _known())
    return found


def dump_faults(faults: tuple[Fault, ...]) -> list[Any]:
    """Faults as :func:`load_faults` reads them.

    Raises:
        UsageError: one is of somebody's own and cannot be written.
    """
    found: list[Any] = tree.dump(faults, tuple[Fault, ...], Place("a fault"), _known())
    return found


def read(path: Path) -> Scenario:
    """The scenario in one file, with the file's name.

    Raises:
        UsageError: the file cannot be read, has no good name, or holds no scenario.
    """
    if not _NAME.fullmatch(path.stem):
        raise UsageError(f"{path}: its name becomes the scenario's, and may have only a-z, 0-9 and _; rename it")
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path}: expected a scenario as a JSON object, found {type(found).__name__}")
    return load({**found, "name": path.stem, "family": FAMILY}, str(path))


def write(scenario: Scenario, folder: Path) -> Path:
    """Write the scenario into a file of its name, and return the file. The folder is made if need be.

    Raises:
        UsageError: it cannot be recorded, its name is no good, or another scenario has that name there.
    """
    if not _NAME.fullmatch(scenario.name):
        raise UsageError(f"scenario {scenario.name!r} cannot be recorded: a name has only a-z, 0-9 and _")
    text, path = _text(scenario), folder / f"{scenario.name}.json"
    if path.exists() and _text(read(path)) != text:
        raise UsageError(f"{path} holds another scenario of that name: rename one of them")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", newline="\n")
    return path


def fingerprint(scenario: Scenario) -> str:
    """Twelve characters that say what happens in a scenario, whatever it is called: the same in every process."""
    return hashlib.sha256(_text(scenario).encode()).hexdigest()[:12]


def _text(scenario: Scenario) -> str:
    """The file, without what the file's name and folder say.

    Nothing is sorted: the order of the fields of an answer is the order of its bytes.
    """
    said = {name: value for name, value in dump(scenario).items() if name not in ("name", "family")}
    text = json.dumps(said, indent=2, ensure_ascii=False)
    if _SURROGATE.search(text):  # it has no UTF-8
        text = json.dumps(said, indent=2)
    return f"{text}\n"


def _known() -> tree.Known:
    return (*_OWN, *fault.kinds().values())


def _is_of(value: Any, module: ModuleType) -> bool:
    return isinstance(value, type) and value.__module__ == module.__name__


_OWN = tuple(value for module in _MODULES for value in vars(module).values() if _is_of(value, module))
