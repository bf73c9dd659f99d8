"""``streamproof run --watch``: the same run again whenever a file changes that it is made of.

Each run is a process of its own, so nothing of an old version is left in it. A change during a run ends that run: it
says nothing of what is there now.
"""

from __future__ import annotations

import importlib.util
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from harness.errors import UsageError
from harness.logs import Say
from harness.plain import plain

PACKAGES = ("client_under_test", "fake_server", "harness", "reports", "scenarios")
_KINDS = {".go", ".html", ".jinja", ".js", ".json", ".mjs", ".py", ".toml", ".ts", ".txt"}
"""Suffixes of what the packages are made of."""
_MADE = {"__pycache__", "matrix", "out"}
"""Folders in them that runs write: a run must not be its own reason to run again."""
_LOOK_MS = 200
_END_SECONDS = 10.0
"""What a run has to end in order."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a run is made of."""

    packages: tuple[Path, ...]
    """Folders, with all in them."""
    files: frozenset[Path]
    """Files beside them: of the client, of a scenario."""

    @property
    def folders(self) -> list[Path]:
        """All folders with something in them: an editor that writes a file anew is seen only there."""
        inner = {file.parent for package in self.packages for file in package.rglob("*") if self.has(file)}
        return sorted({*self.packages, *inner, *(file.parent for file in self.files)})

    def has(self, path: Path) -> bool:
        """Whether a change of ``path`` is one of the run."""
        within = (path.relative_to(package) for package in self.packages if path.is_relative_to(package))
        return path in self.files or (path.suffix in _KINDS and any(_MADE.isdisjoint(place.parts) for place in within))


def watched(clients: Iterable[str], files: Iterable[Path] = ()) -> Watched:
    """What to watch for these clients, as the command line names them.

    Args:
        files: that the command line names besides.
    """
    found = [path for client in clients for path in _files_of(client)]
    packages = [path for name in PACKAGES for path in _origin(name)]
    named = (path.resolve() for path in (*found, *files))
    return Watched(tuple(path.resolve() for path in packages), frozenset(path for path in named if path.is_file()))


def _files_of(client: str) -> Iterator[Path]:
    """The files that a client is in, as far as its name tells: those of a command, or that of a module."""
    if client.startswith("cmd:"):
        yield from (Path(word) for word in _words(client.removeprefix("cmd:")) if Path(word).is_file())
    elif ":" in client:
        for origin in _origin(client.partition(":")[0]):
            yield from origin.rglob("*.py") if origin.is_dir() else [origin]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []  # the run will complain of it


def _origin(module: str) -> list[Path]:
    """The file of a module, or the folders of a package; none where it cannot be found, of which the run complains."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations:
        return [Path(place) for place in spec.submodule_search_locations]
    return [Path(spec.origin)] if spec.origin else []


def again_and_again(words: Sequence[str], what: Watched, say: Say) -> None:
    """Run ``streamproof`` with these words, and again after every change, until Ctrl-C or SIGTERM.

    Raises:
        UsageError: the package for it is missing.
    """
    try:
        import watchfiles
    except ModuleNotFoundError as error:
        raise UsageError(f"--watch needs its package: pip install 'streamproof[watch]' ({error})") from error
    with _ended_by_signals() as stop:
        changes = watchfiles.watch(
            *what.folders,
            watch_filter=lambda _, path: what.has(Path(path)),
            stop_event=stop,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
        )
        _run_between(words, changes, stop, say)


def _run_between(words: Sequence[str], changes: Iterable[set[tuple[Any, str]]], stop: Event, say: Say) -> None:
    child, is_waiting = _start(words), False
    try:
        for changed in changes:
            if stop.is_set():
                return
            if changed:
                _end(child)
                names = sorted({Path(path).name for _, path in changed})
                more = f" and {len(names) - 1} more" if len(names) > 1 else ""
                say(f"\nchanged: {plain(names[0])}{more}; running again", "running again", changed=names)
                child, is_waiting = _start(words), False
            elif child.poll() is not None and not is_waiting:
                say("waiting for a change; Ctrl-C ends", "waiting for a change")
                is_waiting = True
    finally:
        _end(child)


def _start(words: Sequence[str]) -> subprocess.Popen[bytes]:
    """A run in a group of its own: Ctrl-C comes to us alone, and we pass it on once."""
    # -P: a folder called `harness` in the working directory is not ours.
    return subprocess.Popen([sys.executable, "-P", "-m", "harness", *words], process_group=0)  # noqa: S603


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    child.send_signal(signal.SIGINT)
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@contextmanager
def _ended_by_signals() -> Iterator[Event]:
    """An event that Ctrl-C and SIGTERM set."""
    stop = Event()
    before = {one: signal.signal(one, lambda *_: stop.set()) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
