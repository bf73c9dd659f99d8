"""Which parsers can be measured here: ours, the limits, those of others, and the user's own."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.bench.results import Away, Kind, Stage
from harness.environments import Environment, programs
from harness.errors import UsageError

PROGRAMS = Path(__file__).with_name("programs")
HOW = "streamproof bench --install"
OURS = "streamproof"
_WORKER = PROGRAMS / "support" / "worker.py"
_ROOT = Path(__file__).parents[2]
_EVERY_STAGE = tuple(Stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parser:
    """One that can be measured, and how its process is started."""

    name: str
    kind: Kind
    version: str
    command: Sequence[str]
    variables: Mapping[str, str]
    stages: tuple[Stage, ...] = _EVERY_STAGE
    """What it has anything to do with."""


def own(name: str) -> Parser:
    """The one that ``module:attribute`` names; its process finds the modules that a program in this folder finds.

    Raises:
        UsageError: it is not named so.
    """
    if not re.fullmatch(r"[\w.]+:[\w.]+", name):
        raise UsageError(f"a parser is named as module:attribute, not {name!r}")
    path = ":".join(dict.fromkeys(one for one in (str(_ROOT), str(Path.cwd()), *sys.path) if one))
    command = (sys.executable, "-P", str(_WORKER), name)
    return Parser(name=name, kind=Kind.OWN, version="", command=command, variables={"PYTHONPATH": path})


def ours() -> Parser:
    """That of the bundled client."""
    return _inside(OURS, "ours:Parser", Kind.OURS, version("streamproof"), _EVERY_STAGE)


def limits() -> list[Parser]:
    """What no parser in Python can beat."""
    python, msgspec = f"Python {sys.version.split()[0]}", version("msgspec")
    return [
        _inside("bytes.find", "limits:Scan", Kind.LIMIT, python, (Stage.FRAMING,)),
        _inside("bytes.split", "limits:Split", Kind.LIMIT, python, (Stage.FRAMING,)),
        _inside("events alone", "limits:Events", Kind.LIMIT, python, (Stage.FRAMING,)),
        _inside("msgspec alone", "limits:Msgspec", Kind.LIMIT, msgspec, (Stage.DECODE,)),
    ]


def _inside(name: str, place: str, kind: Kind, of_version: str, stages: tuple[Stage, ...]) -> Parser:
    made = own(f"{__package__}.{place}")
    return Parser(
        name=name, kind=kind, version=of_version, command=made.command, variables=made.variables, stages=stages
    )


def environments() -> dict[str, Environment]:
    """The parsers of others, each with its environment."""
    return programs(PROGRAMS, "bench", HOW)


def peers() -> Iterator[Parser | Away]:
    """The parsers of others: installed by ``--install``, or because their packages are in this environment anyway."""
    for name, one in environments().items():
        if not one.lacks:
            found = _with_python(one.version, (one.versions or {}).get("python", ""))
            yield Parser(name=name, kind=Kind.PEER, version=found, command=one.command(), variables=one.variables)
        elif one.suffix == ".py" and (here := _here(one.head.dependencies)):
            command = (sys.executable, "-P", str(one.file))
            yield Parser(name=name, kind=Kind.PEER, version=here, command=command, variables=one.variables)
        else:
            yield Away(name=name, why=one.lacks)


def _with_python(of_package: str, python: str) -> str:
    """The version, and that of its Python where it runs on another one than we do: that has its own speed."""
    other = python and python != sys.version.split()[0]
    return f"{of_package} on Python {python}" if other else of_package


def _here(packages: Iterable[str]) -> str:
    """The version of the first of these packages, if all of them are in this environment."""
    try:
        found = [version(re.split(r"[<>=~!; \[]", one)[0]) for one in packages]
    except PackageNotFoundError:
        return ""
    return found[0]
