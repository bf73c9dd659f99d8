"""The pages of the documentation as tests see them: their blocks of code, what is said of each, and how they are run.

A block is run, unless its page says in a comment of its source who runs it instead, or why nobody can::

    <!-- not run: the network is not asked -->             of the block right behind it
    <!-- run by: tests/live/test_docs.py -->               of the block right behind it
    <!-- python run by: tests/live/test_docs.py -->        of all blocks of a language, anywhere on the page

Blocks are run from the first to the last, in one folder. One whose first line is a comment with the name of a file is
written there. In a ``console`` block lines behind ``$`` are run, and all others must stand in the output in that order,
where ``…`` is anything; ``# exit N`` behind a command is its status. A page that adds a file to a package of the
repository is run in a copy of the packages.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("client_under_test", "fake_server", "harness", "reports", "scenarios")
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "TOXIPROXY.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
CODE = ("bash", "console", "js", "json", "python", "toml", "yaml")
RUN = ("bash", "console", "js", "python")
SHOWN = ("promql", "text")
"""What is no code of ours: output, pictures, questions to a database."""
SECONDS = 60

_LATE = "this machine was up to"
"""So begins what is told of a case that came too late to prove anything; see ``harness.law.too_late``."""
_MARK = re.compile(r"<!-- (?:(?P<language>\w+) )?(?P<what>not run|run by): (?P<why>.+) -->")
_FILE = re.compile(r"(?:#|//) (?P<name>[\w./]+\.\w+)$")
_EXIT = re.compile(r"  # exit (?P<status>\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str
    what: str = ""
    """``not run`` or ``run by``; empty where it is run as any other."""
    why: str = ""

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str:
        """The file that it is to be written to; empty where it is none."""
        found = _FILE.match(self.text.partition("\n")[0])
        return found["name"] if found is not None else ""

    @property
    def commands(self) -> list[Command]:
        """The commands of a shell block; none of any other."""
        if self.language == "bash":
            return [Command.of(line, []) for line in self.text.replace("\\\n", " ").splitlines()]
        if self.language != "console":
            return []
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [Command.of(part.partition("\n")[0], part.splitlines()[1:]) for part in parts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A line that is typed, what it prints, and how it ends."""

    line: str
    printed: tuple[str, ...]
    status: int

    @classmethod
    def of(cls, line: str, printed: list[str]) -> Command:
        found = _EXIT.search(line)
        said = tuple(one.strip() for one in printed if one.strip())
        return cls(line=line.partition("  #")[0].strip(), printed=said, status=int(found["status"]) if found else 0)


def blocks(page: Path) -> list[Block]:
    """All blocks of ``page``, each with what is said of it."""
    text = page.read_text("utf-8")
    of_language = {found["language"]: found for found in _MARK.finditer(text) if found["language"]}
    return [_marked(block, mark, of_language) for block, mark in _fenced(page, text.splitlines())]


def _fenced(page: Path, lines: list[str]) -> Iterator[tuple[Block, re.Match[str] | None]]:
    at = 0
    while at < len(lines):
        if lines[at].startswith("```"):
            end = lines.index("```", at + 1)
            text = "\n".join(lines[at + 1 : end]) + "\n"
            yield (
                Block(page=page, line=at + 1, language=lines[at].removeprefix("```"), text=text),
                _MARK.fullmatch(lines[at - 1]),
            )
            at = end
        at += 1


def _marked(block: Block, mark: re.Match[str] | None, of_language: dict[str, re.Match[str]]) -> Block:
    own = mark if mark is not None and not mark["language"] else of_language.get(block.language)
    said = {} if own is None else {"what": own["what"], "why": own["why"]}
    return Block(page=block.page, line=block.line, language=block.language, text=block.text, **said)


def run(page_blocks: list[Block], folder: Path, base_url: str) -> int:
    """Run the blocks in ``folder``; returns how many were run.

    Raises:
        AssertionError: one ends otherwise than it says, or does not print what stands below it.
    """
    mine = [one for one in page_blocks if not one.what and (one.language in RUN or _is_a_file(one))]
    if any("/" in one.file for one in mine):
        _copy_packages(folder)
    for block in mine:
        if block.file:
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.text, "utf-8")
        for command in block.commands:
            _check(block, command, _typed(command, folder, base_url))
        if block.language == "python" and not block.file:
            _check(block, Command.of("python", []), _ran([sys.executable, "-c", block.text], folder, base_url))
        assert block.language != "js" or block.file, f"{block.place}: nobody runs this"
    return len(mine)


def _is_a_file(block: Block) -> bool:
    """Whether it is settings that a command on the page reads."""
    return block.language == "toml" and bool(block.file)


def _copy_packages(folder: Path) -> None:
    """The packages as a clone would have them, without what was compiled of other pages."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name)


def _typed(command: Command, folder: Path, base_url: str) -> subprocess.CompletedProcess[str]:
    """What came of a command; of one for which this machine was late, what came of it the second time."""
    done = _ran(["bash", "-c", command.line], folder, base_url)
    return _ran(["bash", "-c", command.line], folder, base_url) if _LATE in done.stdout else done


def _ran(command: list[str], folder: Path, base_url: str) -> subprocess.CompletedProcess[str]:
    # A client that is traced for coverage is slower than its users would have it.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    env |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    env |= {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "COLUMNS": "120"}
    env |= {"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_API_KEY": "k"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=SECONDS)


def _check(block: Block, command: Command, done: subprocess.CompletedProcess[str]) -> None:
    output = done.stdout + done.stderr
    assert done.returncode == command.status, f"{block.place}: {command.line} ended with {done.returncode}\n{output}"
    rest = iter(output.splitlines())
    for wanted in command.printed:
        pattern = re.compile(r"\s+".join(_pattern(word) for word in wanted.split()))
        told = any(pattern.search(line) for line in rest)
        assert told, f"{block.place}: {command.line} prints no {wanted!r}\n{output}"


def _pattern(word: str) -> str:
    return ".*?".join(map(re.escape, word.split("…")))
