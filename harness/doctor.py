"""What of streamproof is there on this machine, what is skipped for lack of the rest, and how to get that.

Nothing is downloaded and nothing is started but programs that are asked for their version.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from harness.plain import plain

OLDEST_PYTHON = (3, 11)
_ASK_SECONDS = 10
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;\s*extra\s*==\s*['\"]([\w-]+)['\"])?")
_TOOLS = Path(__file__).parents[1] / ".tools" / "bin"
"""Where the targets of the Makefile put what they fetch, in a checkout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing that may be there."""

    name: str
    version: str = ""
    """Empty when it is not there."""
    is_needed: bool = False
    """Without it nothing works."""
    without: str = ""
    """What is skipped where it is not there."""
    way_out: str = ""
    """What to run to get it."""

    @property
    def is_there(self) -> bool:
        """Whether it is."""
        return bool(self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program that streamproof or its tests can use."""

    name: str
    programs: tuple[str, ...]
    """What it may be called, the first that is there counts."""
    without: str
    way_out: str
    asks: tuple[str, ...] = ("--version",)


TOOLS = (
    Tool(
        name="Toxiproxy",
        programs=("toxiproxy-server",),
        without="our own Toxiproxy does the same; the tests that compare the two are skipped",
        way_out="make setup-toxiproxy",
    ),
    Tool(
        name="Prometheus",
        programs=("prometheus",),
        without="the tests that let a real one scrape metrics are skipped",
        way_out="make setup-prometheus",
    ),
    Tool(
        name="Node",
        programs=("node",),
        without="the client `node` and the JavaScript clients of others are skipped",
        way_out="install Node 20 or later, https://nodejs.org",
    ),
    Tool(
        name="npm",
        programs=("npm",),
        without="the packages of JavaScript clients cannot be installed",
        way_out="install Node 20 or later, https://nodejs.org",
    ),
    Tool(
        name="Go",
        programs=("go",),
        asks=("version",),
        without="the Go clients of others are skipped",
        way_out="install Go, https://go.dev/dl",
    ),
    Tool(
        name="Chromium",
        programs=("chromium", "chromium-browser", "google-chrome"),
        without="the clients that run in a browser, and the tests of pages, are skipped",
        way_out="install chromium with the package manager of this system",
    ),
)


def basics() -> Iterator[Found]:
    """What nothing works without."""
    python = platform.python_version() if sys.version_info >= OLDEST_PYTHON else ""
    yield Found(
        name="Python",
        version=python,
        is_needed=True,
        without=f"this is {platform.python_version()}",
        way_out="install Python 3.11 or later, and make its environment anew",
    )
    for package, extra in _required():
        if not extra:
            yield _package(package, is_needed=True, way_out="pip install --upgrade streamproof")
    yield Found(
        name="sockets on 127.0.0.1",
        version=_loopback(),
        is_needed=True,
        without="no client can be led to a server",
        way_out="allow this process to listen on the loopback interface; --tier sim works without",
    )
    count, why = _catalogue()
    yield Found(name="catalogue", version=count, is_needed=True, without=why, way_out="install streamproof anew")


def extras() -> Iterator[Found]:
    """What is installed only by those who want it."""
    packages: dict[str, list[str]] = {}
    for package, extra in _required():
        if extra:
            packages.setdefault(extra, []).append(package)
    for extra, needed in packages.items():
        found = [_package(one) for one in needed]
        is_there = all(one.is_there for one in found)
        told = ", ".join(f"{one.name} {one.version}" for one in found if one.is_there)
        yield Found(
            name=extra,
            version=told if is_there else "",
            without=_FOR.get(extra, "what needs it says so"),
            way_out=f"pip install 'streamproof[{extra}]'",
        )


_FOR = {
    "anthropic": "the client `anthropic`, the official SDK, is skipped",
    "dask": "`fuzz --dask` cannot use a cluster",
    "load": "there are no users for Locust",
    "otel": "the client tells no traces",
    "prometheus": "`--metrics-port` and the client's metrics are not there",
    "redis": "`fuzz --database redis://…` is not there",
    "sentry": "the client reports no incidents",
    "slack": "answers cannot be streamed into Slack",
    "speed": "the event loop of Python is used, which is slower",
    "terminal": "answers cannot be streamed into a terminal",
    "watch": "`run --watch` is not there",
}
"""What is not there without an extra."""


def tools() -> Iterator[Found]:
    """Programs."""
    path = f"{_TOOLS}{os.pathsep}{os.environ.get('PATH', '')}"
    for tool in TOOLS:
        places = (shutil.which(name, path=path) for name in tool.programs)
        place = next((one for one in places if one is not None), None)
        said = _asked(place, *tool.asks) if place is not None else ""
        yield Found(name=tool.name, version=said, without=tool.without, way_out=tool.way_out)


def clients() -> Iterator[Found]:
    """Clients that ship; none where the catalogue cannot be read."""
    try:
        from harness import catalog
        from harness.adapter import Absent
    except ImportError:
        return
    for one in catalog.every_adapter():
        if isinstance(one, Absent):
            why, way_out = _reason(plain(one.why))
            yield Found(name=one.name, without=why, way_out=way_out)
        else:
            yield Found(name=one.name, version=plain(one.version) or "there")


def _reason(why: str) -> tuple[str, str]:
    """Why a client cannot be run, and the command that helps where there is one."""
    found = re.fullmatch(r"(?:client '\S+' cannot be run: )?(.*?)(?:[:;] (?:try: )?((?:streamproof|pip) .*))?", why)
    assert found is not None
    return found[1], found[2] or ""


def _catalogue() -> tuple[str, str]:
    """How many scenarios there are, or why they cannot be read."""
    try:
        from harness import catalog

        return f"{len(catalog.scenarios())} scenarios", ""
    except Exception as error:
        return "", f"{type(error).__name__}: {plain(str(error), 200)}"


def _required() -> Iterator[tuple[str, str]]:
    """Packages that this one names, each with the extra that it is of."""
    for one in requires("streamproof") or ():
        if (found := _REQUIREMENT.fullmatch(one.strip())) is not None:
            yield found[1], found[2] or ""


def _package(name: str, *, is_needed: bool = False, way_out: str = "") -> Found:
    try:
        found = version(name)
    except PackageNotFoundError:
        found = ""
    return Found(name=name, version=found, is_needed=is_needed, without="nothing can be run", way_out=way_out)


def _loopback() -> str:
    try:
        with socket.create_server(("127.0.0.1", 0)):
            return "can be listened on"
    except OSError:
        return ""


def _asked(program: str, *words: str) -> str:
    """The version that a program says; that it is there, when it says none."""
    try:
        done = subprocess.run(  # noqa: S603
            [program, *words], capture_output=True, text=True, timeout=_ASK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "there"
    found = _VERSION.search(done.stdout + done.stderr)
    return found[0] if found is not None else "there"


def lacks(found: Iterable[Found]) -> list[Found]:
    """What is needed of these and not there."""
    return [one for one in found if one.is_needed and not one.is_there]
