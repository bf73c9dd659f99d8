"""Every block of code in the documentation runs, or its page says who runs it, or why nobody can."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from live.pages import CODE, PAGES, ROOT, SHOWN, Block, blocks, run
from live.running import STREAMPROOF, served

from harness import journal
from harness.cli import cli
from harness.events import CaseFinished
from harness.model import Finished

EVERY = [block for page in PAGES for block in blocks(page)]
MINE = sorted({one.page for one in EVERY if not one.what and one.language in ("bash", "console", "python")})
ASKED = re.compile(r"^(?:uv run )?streamproof (?=[a-z])")


def name(value: object) -> str:
    return value.place if isinstance(value, Block) else str(getattr(value, "name", value))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with served() as base:
        yield base


@pytest.mark.parametrize("page", MINE, ids=name)
def test_the_blocks_of_a_page_run_from_the_first_to_the_last_in_a_fresh_folder(
    page: Path, server: str, tmp_path: Path
) -> None:
    assert run(blocks(page), tmp_path, f"{server}/completion.plain")


def test_every_block_is_of_a_kind_that_is_known_and_the_count_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert [one.place for one in EVERY if one.language not in (*CODE, *SHOWN)] == []
    code = [one for one in EVERY if one.language in CODE]
    told = Counter(one.what or "run here" for one in code)
    lines = [f"blocks of code in the documentation: {len(code)}", *(f"{what}: {many}" for what, many in told.items())]
    lines += [f"NOT RUN {one.place}: {one.why}" for one in code if one.what == "not run"]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert told["run here"] + told["run by"] > told["not run"]


@pytest.mark.parametrize("block", [one for one in EVERY if one.what == "run by"], ids=name)
def test_who_is_said_to_run_a_block_reads_its_page(block: Block) -> None:
    assert block.page.name in (ROOT / block.why).read_text("utf-8")


@pytest.mark.parametrize("block", [one for one in EVERY if one.language in CODE], ids=name)
def test_every_block_of_code_can_be_read_whether_it_is_run_or_not(block: Block) -> None:
    match block.language:
        case "python":
            ast.parse(block.text)
        case "toml":
            tomllib.loads(block.text)
        case "yaml":
            assert yaml.safe_load(block.text)
        case "json":
            json.loads(block.text)
        case "js" if shutil.which("node"):
            read = ["node", "--check", "--input-type=module", "-"]
            done = subprocess.run(read, input=block.text, capture_output=True, text=True, timeout=20)
            assert done.returncode == 0, done.stderr
        case "bash":
            done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, timeout=20)
            assert done.returncode == 0, done.stderr


def test_every_command_of_streamproof_that_a_page_shows_is_one() -> None:
    lines = [(one.place, command.line) for one in EVERY for command in one.commands if ASKED.search(command.line)]
    inline = re.compile(r"`(streamproof [a-z][^`…]+)`")
    lines += [(page.name, line) for page in PAGES for line in inline.findall(page.read_text("utf-8"))]
    assert len(lines) > 50
    assert {place: wrong for place, line in lines if (wrong := misunderstood(line))} == {}


def misunderstood(line: str) -> str:
    """Why the command line does not take ``line``; empty when it does. Nothing is run, and no file need be there."""
    words = shlex.split(re.split(r"[|;&]| >| <", ASKED.split(line, 1)[1])[0])
    command = cli.get_command(click.Context(cli), words[0])
    if command is None:
        return f"no command {words[0]}"
    if isinstance(command, click.Group):
        command, words = command.get_command(click.Context(command), words[1]), words[1:]
    assert command is not None
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"-h", "--help"}
    options = [word.partition("=")[0] for word in words[1:] if word.startswith("-")]
    return ", ".join(one for one in options if one not in known)


def test_every_error_text_of_the_questions_is_what_its_case_tells(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "faq.md").read_text("utf-8")
    heading, last = (
        re.compile(r"`(.+)`\n"),
        re.compile(r"^Make it happen: `streamproof replay (\S+):42`$", re.MULTILINE),
    )
    parts = [(heading.match(part), last.search(part)) for part in page.split("\n### ")]
    wanted = [(text[1], case[1]) for text, case in parts if text is not None and case is not None]
    assert len(wanted) == page.count("Make it happen") > 15
    told = told_by({case for _, case in wanted}, tmp_path)
    assert [text for text, case in wanted if not any(text in one for one in told[case])] == []


def told_by(cases: set[str], folder: Path) -> dict[str, list[str]]:
    """What is told of each case, an error by its name and message: to its caller, or of it by a law."""
    scenarios, clients = ({one.split("@")[at] for one in cases} for at in (0, 1))
    history = folder / "history.jsonl"
    command = [STREAMPROOF, "run", "-k", " or ".join(scenarios), "--tier", "sim", "--seed", "42"]
    command += [word for client in clients for word in ("--client", client)]
    done = subprocess.run([*command, "--report", f"jsonl={history}"], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, list[str]] = {}
    for event in map(journal.decode, history.read_bytes().splitlines()):
        if isinstance(event, CaseFinished) and event.record is not None:
            ends = [one.error for one in event.record.client if isinstance(one, Finished) and one.error is not None]
            errors = [f"{error.name}: {error.message}" for error in ends]
            found[f"{event.scenario}@{event.client}"] = [*errors, *(one.harm for one in event.rulings)]
    return found
