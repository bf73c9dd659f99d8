"""Where the shipped programs run: each with its packages in a folder of its own, so that their pins never touch ours.

A folder is named after what is installed in it, and is whole when it has ``installed.json``, which is written last.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from platformdirs import user_cache_path

from harness.errors import UsageError
from harness.program import Program, head_of

PROGRAMS = Path(__file__).with_name("programs")
_SUPPORT = "support"
"""The folder beside programs with what those of a language share. It is copied beside them, and imports nothing of ours
either."""
_HOW = "streamproof clients install {name}"
_INSTALLED = "installed.json"
_INSTALL_SECONDS = 900
Say = Callable[[str], object]


def root() -> Path:
    """The folder of all environments: ``$STREAMPROOF_CLIENTS``, or one in the user's cache."""
    named = os.environ.get("STREAMPROOF_CLIENTS", "")
    return Path(named) if named else user_cache_path("streamproof") / "clients"


class Environment(ABC):
    """One program with its language and its packages; a subclass for each language."""

    suffix: str
    runtime: tuple[str, ...]
    """Programs of the language that must be on the machine."""

    def __init__(self, file: Path, head: Program, parent: Path, how: str = _HOW) -> None:
        self.file, self.head, self._how = file, head, how
        self.support = file.parent / _SUPPORT
        self.name = head.name or file.stem
        self.folder = parent / f"{self.name}-{hashlib.sha256(self._kind().encode()).hexdigest()[:10]}"

    def _kind(self) -> str:
        """What makes another installation of it."""
        return json.dumps([self.suffix, self.head.dependencies])

    @property
    def absent(self) -> list[str]:
        """Programs that it needs and that are not on the machine."""
        return [one for one in (*self.runtime, *self.head.needs) if shutil.which(one) is None]

    @property
    def lacks(self) -> str:
        """Why its client cannot be run; empty when it can."""
        if self.absent:
            return f"there is no {' and no '.join(self.absent)} on the PATH"
        if self.versions is None:
            return f"its packages are not installed: {self._how.format(name=self.name)}"
        return ""

    @property
    def versions(self) -> Mapping[str, str] | None:
        """What is installed, by name, the client first; None when nothing is."""
        try:
            found: dict[str, str] = json.loads((self.folder / _INSTALLED).read_text("utf-8"))
        except FileNotFoundError:
            return None
        return found

    @property
    def version(self) -> str:
        """Of the client itself."""
        return next(iter((self.versions or {}).values()), "not installed")

    def install(self, say: Say) -> None:
        """Install its packages, if they are not.

        Raises:
            UsageError: a program of the language is missing, or the package manager failed; what it said is kept.
        """
        if self.absent:
            raise UsageError(f"client {self.name!r} cannot be installed: {self.lacks}")
        if self.versions is not None:
            say(f"{self.name}: is installed, {self.version}")
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        say(f"{self.name}: installing {', '.join(self.head.dependencies) or 'nothing'} into {self.folder}")
        self._fetch()
        (self.folder / _INSTALLED).write_text(json.dumps({**self._needed(), **self._found()}, indent=1), "utf-8")
        say(f"{self.name}: installed, {self.version}")

    def remove(self) -> None:
        """Remove what was installed."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The command that runs it."""

    @abstractmethod
    def _fetch(self) -> None:
        """Install its packages into its folder."""

    @abstractmethod
    def _found(self) -> dict[str, str]:
        """What is installed, by name, the client first."""

    def _needed(self) -> dict[str, str]:
        """The versions of the programs that it needs: such a client is those more than its packages."""
        said = {one: _VERSION.search(self._run(one, "--version")) for one in self.head.needs}
        return {one: found[0] if found is not None else "unknown" for one, found in said.items()}

    def _run(self, *command: str, **variables: str) -> str:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=self.folder if self.folder.exists() else None,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[-2000:]
            raise UsageError(f"client {self.name!r} cannot be installed: `{' '.join(command)}` failed: {said}")
        return done.stdout

    @property
    def variables(self) -> Mapping[str, str]:
        """What its program finds in its environment."""
        return {}


class Python(Environment):
    """A virtual environment of this very Python."""

    suffix = ".py"

    @property
    def runtime(self) -> tuple[str, ...]:  # type: ignore[override]
        """None but this very Python; another one where its packages need a later one."""
        return () if self._base == sys.executable else (self._base,)

    @property
    def _base(self) -> str:
        least = _LEAST_PYTHON.search(self.head.requires_python)
        if least is None or sys.version_info[:2] >= (int(least[1]), int(least[2])):
            return sys.executable
        return f"python{least[1]}.{least[2]}"

    def _kind(self) -> str:
        return super()._kind() + sys.version

    def command(self) -> Sequence[str]:
        # -P: a program is called as the package that it is about, and must not be imported for it.
        return (str(self._python), "-P", str(self.file))

    @property
    def variables(self) -> Mapping[str, str]:
        return {"PYTHONPATH": str(self.support), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}

    @property
    def _python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    def _fetch(self) -> None:
        self._run(self._base, "-m", "venv", "venv")
        if self.head.dependencies:
            self._run(str(self._python), "-m", "pip", "install", "--quiet", *self.head.dependencies)

    def _found(self) -> dict[str, str]:
        listed = json.loads(self._run(str(self._python), "-m", "pip", "list", "--format=json"))
        versions = {one["name"].lower().replace("_", "-"): one["version"] for one in listed}
        return _first(self.head, versions) | {"python": self._run(str(self._python), "--version").split()[1]}


class Node(Environment):
    """A folder with ``node_modules``."""

    suffix = ".mjs"
    runtime = ("node", "npm")

    def command(self) -> Sequence[str]:
        return ("node", str(self._copied()))

    def _copied(self) -> Path:
        """The program and what it shares, beside its packages: Node looks for them nowhere else."""
        for one in (self.file, *self.support.glob(f"*{self.suffix}")):
            there = self.folder / one.name
            if not there.exists() or there.read_bytes() != one.read_bytes():
                there.write_bytes(one.read_bytes())
        return self.folder / self.file.name

    def _fetch(self) -> None:
        (self.folder / "package.json").write_text('{"private": true}', "utf-8")
        if self.head.dependencies:
            self._run("npm", "install", "--no-audit", "--no-fund", "--silent", *self.head.dependencies)

    def _found(self) -> dict[str, str]:
        listed = json.loads(self._run("npm", "ls", "--json", "--depth=0")).get("dependencies", {})
        versions = {name: one["version"] for name, one in listed.items()}
        return _first(self.head, versions) | {"node": self._run("node", "--version").strip().removeprefix("v")}


class Go(Environment):
    """A program that is built once."""

    suffix = ".go"
    runtime = ("go",)

    def _kind(self) -> str:
        return super()._kind() + self.file.read_text("utf-8")

    def command(self) -> Sequence[str]:
        return (str(self.folder / "client"),)

    def _fetch(self) -> None:
        (self.folder / "main.go").write_bytes(self.file.read_bytes())
        self._run("go", "mod", "init", "client")
        self._run("go", "get", *self.head.dependencies)
        self._run("go", "build", "-o", "client", ".")

    def _found(self) -> dict[str, str]:
        listed = self._run("go", "list", "-m", "-f", "{{.Path}} {{.Version}}", "all").splitlines()
        versions = dict(line.split(" ", 1) for line in listed if " v" in line)
        return _first(self.head, versions) | {"go": self._run("go", "env", "GOVERSION").strip().removeprefix("go")}


class Shell(Environment):
    """Needs nothing but what is on the machine; its version is that of the first program that it needs."""

    suffix = ".sh"
    runtime = ("bash",)

    def command(self) -> Sequence[str]:
        return ("bash", str(self.file))

    def _fetch(self) -> None:
        pass

    def _found(self) -> dict[str, str]:
        return {}

    @property
    def lacks(self) -> str:
        return f"there is no {' and no '.join(self.absent)} on the PATH" if self.absent else ""

    @cached_property
    def versions(self) -> Mapping[str, str] | None:
        return self._needed()


_LANGUAGES: dict[str, type[Environment]] = {one.suffix: one for one in (Python, Node, Go, Shell)}


def _first(head: Program, versions: Mapping[str, str]) -> dict[str, str]:
    """The versions of what the head asks for, in its order."""
    names = (_NAME.match(dependency.lower()) for dependency in head.dependencies)
    return {name[0]: versions[name[0]] for name in names if name is not None and name[0] in versions}


_LEAST_PYTHON = re.compile(r">=\s*(\d+)\.(\d+)")
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_NAME = re.compile(r"@?[^@<>=~! ;\[]+")
"""The name of a package before its version, as pip, npm and go write it."""


def programs(folder: Path = PROGRAMS, kind: str = "", how: str = _HOW) -> dict[str, Environment]:
    """The shipped programs with their environments, by the name of the client.

    Args:
        folder: where the programs are.
        kind: a folder of :func:`root` for the environments of another kind of programs.
        how: the command that installs one.
    """
    found = (file for file in sorted(folder.iterdir()) if file.suffix in _LANGUAGES)
    heads = ((file, head_of(file.read_text("utf-8"), file.name)) for file in found)
    made = (_LANGUAGES[file.suffix](file, head, root() / kind, how) for file, head in heads)
    return {one.name: one for one in made}
