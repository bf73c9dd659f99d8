"""Writes down what a campaign found, as a scenario and as a test, and tells how to play it again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from rich.console import Console
from rich.text import Text

from harness import catalog, recorded
from harness.adapter import Adapter
from harness.again import options, replay
from harness.confirm import Confirmed
from harness.errors import UsageError
from harness.fuzz import SEED
from harness.model import Scenario
from harness.plain import plain

FOLDER = Path("reports/out/fuzz")
DOUBTFUL = FOLDER / "doubtful"
_TEST = """{title!r}

from pathlib import Path

from harness.confirm import replayed

SCENARIO = Path(__file__).parent / {scenario!r}


def test_{name}() -> None:
    assert replayed(str(SCENARIO), {client!r}) == ""
"""


@dataclass(slots=True, kw_only=True)
class Hunted:
    """How a search for failures ended."""

    failures: int = 0
    """Distinct ones, of the client."""
    doubts: int = 0
    """What could not be proved to be the client's."""
    is_interrupted: bool = False

    def add(self, found: Confirmed) -> None:
        """Count what was found."""
        self.failures += not found.doubt
        self.doubts += bool(found.doubt)


def made(folder: Path) -> Path:
    """The folder, made if need be: before a campaign, so that none ends with findings that it cannot write.

    Raises:
        UsageError: it cannot be made, or nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write into {folder}")
    return folder


def tell(found: Confirmed, adapter: Adapter, client: str, folder: Path, console: Console) -> None:
    """Write ``found`` down and print it.

    Args:
        client: as the command line names it.
        folder: of the scenarios that are failures of the client.
    """
    failure, scenario = found.failure, found.scenario
    if found.doubt:
        console.print(Text(f"? {plain(failure.code)}  {plain(found.doubt)}"), style="yellow")
        console.print(Text(f"  {plain(failure.harm)}\n  {plain(scenario.title)}\n  {_written(scenario, DOUBTFUL)}"))
        return
    path = _written(scenario, folder)
    test = _test(scenario, path, client)
    name = scenario.id if path.parent == catalog.RECORDED else str(path)
    console.print(Text(f"✗ {plain(failure.code)}  {plain(failure.harm)}"), style="red")
    console.print(Text(f"  {plain(scenario.title)}\n  {path}"))
    again = replay(f"{name}@{adapter.name}:{SEED}", options(adapter.name, client))
    console.print(Text(f"  {again}"))
    console.print(Text(f"  streamproof serve {quote(name)} --seed {SEED}\n  pytest {test}"))


def _written(scenario: Scenario, folder: Path) -> Path:
    """The file of the scenario; one of that name says the same already, as its name is made of what it says."""
    path = (folder / f"{scenario.name}.json").resolve()
    return path if path.exists() else recorded.write(scenario, path.parent)


def _test(scenario: Scenario, path: Path, client: str) -> Path:
    """Write a test that plays the scenario; it finds the file also when both are moved together."""
    test = made(FOLDER) / f"test_{scenario.name}.py"
    relative = os.path.relpath(path, test.resolve().parent)
    told = _TEST.format(title=plain(scenario.title), name=scenario.name, scenario=relative, client=client)
    test.write_text(told, "utf-8")
    return test
