"""The page about one's own client is true: its programs are written down, and its commands are run in their order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.model import Capability, Job, Limits
from harness.spoken import TYPES, Done, described

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text("utf-8")
PROGRAMS = [block for block in re.findall(r"```(?:python|js)\n(.*?)```", PAGE, re.DOTALL) if "my_client" in block]
COMMANDS = re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)
NOT_NODE = [one for one in COMMANDS if "node" not in one and "fetch_loop" not in one]


def ran(tmp_path: Path, command: str) -> subprocess.CompletedProcess[str]:
    for program in PROGRAMS:
        name = re.match(r"\S+ (\S+)\n", program)
        assert name is not None
        (tmp_path / name[1]).write_text(program, "utf-8")
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # A client that is traced for coverage is slower than its users would have it.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    env |= {"PATH": here, "STREAMPROOF_CLIENTS": str(tmp_path / "clients")}
    return subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_page_has_a_program_in_two_languages_and_none_is_long() -> None:
    assert [program.partition("\n")[0].split(".")[-1] for program in PROGRAMS] == ["py", "mjs"]
    assert all(program.count("\n") <= 21 for program in PROGRAMS)


def test_the_program_in_python_passes_and_its_adapter_is_right(tmp_path: Path) -> None:
    run, check = (one for one in COMMANDS if "my_client.py" in one)
    done = ran(tmp_path, run)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.match(r"✓ my_client: \d+ passed", done.stdout), done.stdout
    assert ran(tmp_path, check).stdout == "✓ my_client of unknown version: the adapter keeps its contract\n"


@pytest.mark.skipif(shutil.which("node") is None, reason="NOT RUN: there is no Node")
def test_the_program_in_javascript_is_found_to_show_half_an_answer_as_whole(tmp_path: Path) -> None:
    (run,) = (one for one in COMMANDS if "my_client.mjs" in one)
    done = ran(tmp_path, run)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "SP02" in done.stdout


@pytest.mark.skipif(shutil.which("npm") is None, reason="NOT RUN: there is no npm")
def test_a_client_that_ships_is_listed_installed_and_run(tmp_path: Path) -> None:
    listed, installed, run = (one for one in COMMANDS if "clients list" in one or "fetch_loop" in one)
    before = ran(tmp_path, listed)
    assert re.search(r"^fetch_loop +–  .*streamproof clients install fetch_loop$", before.stdout, re.MULTILINE)
    assert ran(tmp_path, installed).returncode == 0
    assert re.search(r"^fetch_loop +✓  \d+\.", ran(tmp_path, listed).stdout, re.MULTILINE)
    assert ran(tmp_path, run).returncode in (0, 1)


def test_the_page_names_every_line_and_every_capability_that_a_program_can_have() -> None:
    assert set(TYPES) <= set(re.findall(r'"type": "(\w+)"', PAGE))
    assert {str(one) for one in Capability} - {"sinks"} <= set(re.findall(r"`(\w+)`", PAGE))


def row(beginning: str) -> set[str]:
    """The names in the row of a table that begins so."""
    (found,) = (line for line in PAGE.splitlines() if line.startswith(f"| {beginning}"))
    return set(re.findall(r"`(\w+)`", found))


def test_the_page_names_all_that_a_program_is_given_and_all_that_it_can_say_of_its_end() -> None:
    job = Job(base_url="", api_key="", request={}, limits=Limits(), max_attempts=1, seed="")
    assert row("a line on the standard input") >= described(job).keys()
    assert row('`{"type": "done"') >= set(Done.__struct_fields__)
