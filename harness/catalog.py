"""Finds what is there by walking packages: scenarios, laws, clients, reporters. There is no list to keep."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from fake_server.dialect import Dialect
from harness import environments, recorded
from harness import failures as known_failures
from harness import numbers as given_numbers
from harness.adapter import Absent, Adapter
from harness.command import COMMAND, of_command, of_environment
from harness.errors import UsageError, unknown_name
from harness.failures import Failure
from harness.law import Law
from harness.model import Capability, Scenario
from harness.numbers import Numbers
from harness.reporter import Reporter


def modules(package: str) -> Iterator[ModuleType]:
    """Every module right inside ``package``, in order of name."""
    for found in pkgutil.iter_modules(importlib.import_module(package).__path__):
        yield importlib.import_module(f"{package}.{found.name}")


def names(package: str) -> list[str]:
    """The names of those modules; imports none of them."""
    return [found.name for found in pkgutil.iter_modules(importlib.import_module(package).__path__)]


def summary(module: str) -> str:
    """First line of the docstring of ``module``, read without importing it: its package may not be installed."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text("utf-8"))) or ""
    return text.partition("\n")[0]


RECORDED = Path(__file__).parents[1] / "scenarios" / recorded.FAMILY
"""Where failures that fuzzing found are kept."""


@cache
def scenarios(package: str = "scenarios") -> dict[str, Scenario]:
    """All scenarios by id. A family is a module with a tuple ``SCENARIOS``; ``recorded`` is a folder with JSON files.

    Raises:
        UsageError: when two scenarios have one id, a pair names a scenario that does not exist, ``covers`` an entry
            that does not exist, or a file is malformed.
    """
    found: dict[str, Scenario] = {}
    for scenario in (*_written(package), *_recorded(package)):
        if scenario.id in found:
            raise UsageError(
                f"two scenarios are called {scenario.id}: names must differ within {package}.{scenario.family}"
            )
        found[scenario.id] = scenario
    for scenario in found.values():
        if scenario.pair and scenario.pair not in found:
            raise unknown_name(f"scenario (the pair of {scenario.id})", scenario.pair, found)
        for earlier in scenario.before:
            if earlier not in found:
                raise unknown_name(f"scenario (before {scenario.id})", earlier, found)
        for covered in scenario.covers:
            if covered not in (known := failures(package)):
                raise unknown_name(f"failure (covered by {scenario.id})", covered, known)
    return found


def _written(package: str) -> Iterator[Scenario]:
    for module in modules(package):
        family = module.__name__.rpartition(".")[2]
        dialects: frozenset[Dialect] = getattr(module, "DIALECTS", frozenset())
        for one in getattr(module, "SCENARIOS", ()):
            yield replace(one, family=family, dialects=one.dialects or dialects)


def _recorded(package: str) -> Iterator[Scenario]:
    for home in importlib.import_module(package).__path__:
        yield from map(recorded.read, sorted(Path(home, recorded.FAMILY).glob("*.json")))


@cache
def failures(package: str = "scenarios") -> dict[str, Failure]:
    """What is known to go wrong, by id: the entries of the failure catalogue; none where there is no such file.

    Raises:
        UsageError: the file is malformed.
    """
    path = home(package) / "failures.toml"
    return known_failures.read(path) if path.exists() else {}


@cache
def numbers(package: str = "scenarios") -> Numbers:
    """The numbers that were given to scenarios so far; none where there is no such file.

    Raises:
        UsageError: the file is malformed, or was changed otherwise than at its end.
    """
    path = home(package) / "numbers.txt"
    return given_numbers.parse(path.read_text("utf-8"), str(path)) if path.exists() else Numbers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A family of scenarios."""

    title: str
    harm: str
    """What the user of a client has of it that gets its scenarios wrong, where they say nothing more exact."""


@cache
def chapter(family: str, package: str = "scenarios") -> Chapter:
    """The chapter of that family: the first line of its module, and its ``HARM``."""
    if family == recorded.FAMILY:
        return Chapter(title=recorded.TITLE, harm=recorded.HARM)
    module = f"{package}.{family}"
    return Chapter(title=summary(module), harm=getattr(importlib.import_module(module), "HARM", ""))


def harm(scenario: Scenario, package: str = "scenarios") -> str:
    """What the user of a client has of it that gets ``scenario`` wrong: its own sentence, else that of the first entry
    that it covers, else that of its chapter; empty where none says anything."""
    covered = next((failures(package)[one].harm for one in scenario.covers), "")
    return scenario.harm or covered or chapter(scenario.family, package).harm


def home(package: str = "scenarios") -> Path:
    """The folder of a package."""
    return Path(next(iter(importlib.import_module(package).__path__)))


@cache
def laws(package: str = "harness.checks") -> tuple[Law, ...]:
    """All laws, in order of code."""
    found = [value for module in modules(package) for value in vars(module).values() if isinstance(value, Law)]
    return tuple(sorted(found, key=lambda law: law.code))


def law(code: str) -> Law:
    """The law with this code or name.

    Raises:
        UsageError: there is none.
    """
    known = {law.code: law for law in laws()} | {law.name: law for law in laws()}
    if (found := known.get(code) or known.get(code.upper())) is None:
        raise unknown_name("law", code, known)
    return found


ALL = "all"
"""Stands for every client that ships."""


def clients(package: str = "harness.adapters") -> list[str]:
    """The names of all clients that ship with the harness, whether they are installed or not."""
    return sorted({*names(package), *environments.programs()})


def adapters(wanted: Iterable[str]) -> dict[str, Adapter]:
    """The clients that are wanted, each once, by what they are called there; ``all`` are those that ship.

    Raises:
        UsageError: as :func:`adapter`.
    """
    found: dict[str, Adapter] = {}
    for name in wanted:
        found |= dict(zip(clients(), every_adapter(), strict=True)) if name == ALL else {name: adapter(name)}
    return found


def every_adapter() -> list[Adapter]:
    """All that ship; one that is not installed is there, and says why it cannot be run."""
    return [_or_absent(name) for name in clients()]


def _or_absent(name: str) -> Adapter:
    try:
        return adapter(name)
    except UsageError as error:
        return Absent(name, str(error))


def adapter(name: str, package: str = "harness.adapters") -> Adapter:
    """The client called ``name``, the object that ``module:attribute`` names, or the program of ``cmd:COMMAND``.

    Raises:
        UsageError: there is none, it cannot be imported, it is not installed, or it is no adapter.
    """
    found: Any
    if name.startswith(COMMAND):
        found = of_command(name.removeprefix(COMMAND))
    elif ":" in name:
        found = _attribute(name)
    elif name in names(package):
        found = _import(f"{package}.{name}", name).ADAPTER
    elif (environment := environments.programs().get(name)) is not None:
        found = of_environment(environment)
    else:
        raise unknown_name("client", name, clients(package))
    missing = [one for one in ("name", "version", "policy", "capabilities", "run") if not hasattr(found, one)]
    if missing:
        raise UsageError(f"client {name!r} is no adapter: it lacks {', '.join(missing)} (see harness/adapter.py)")
    if not re.fullmatch(r"[^\s@:]+", str(found.name)):
        raise UsageError(f"client {name!r} calls itself {found.name!r}: a name has no spaces, no @ and no colon")
    if odd := [one for one in found.capabilities if one not in set(Capability)]:
        raise UsageError(f"client {name!r} declares unknown capabilities {odd}; known: {', '.join(Capability)}")
    adapter: Adapter = found
    return adapter


def reporter(name: str, package: str = "reports") -> type[Reporter]:
    """The reporter called ``name``: the class ``Reporter`` of its module.

    Raises:
        UsageError: there is none.
    """
    if name not in (known := names(package)):
        raise unknown_name("report", name, known)
    report: type[Reporter] = importlib.import_module(f"{package}.{name}").Reporter
    return report


def _attribute(name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    module = _import(module_name, name)
    try:
        return getattr(module, attribute)
    except AttributeError:
        known = [one for one in vars(module) if not one.startswith("_")]
        raise unknown_name(f"attribute of {module_name}", attribute, known) from None


def _import(module: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        way_out = "is its package installed?" if ":" in name else f"try: pip install 'streamproof[{name}]'"
        raise UsageError(f"client {name!r} cannot be imported: {error}; {way_out}") from error
    except (Exception, SystemExit) as error:
        raise UsageError(f"client {name!r} cannot be imported: it raised {type(error).__name__}: {error}") from error
