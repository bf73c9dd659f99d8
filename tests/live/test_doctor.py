"""``streamproof doctor`` says what is there, what is skipped and how to get it, and is right about it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import catalog, doctor
from harness.adapter import Absent
from harness.doctor import Found

_WITHOUT = """
import sys
from harness.cli import main

sys.modules[{name!r}] = None
sys.argv = ["streamproof", "doctor"]
main()
"""


def run(home: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    words = command or (str(Path(sys.executable).with_name("streamproof")), "doctor")
    env = {**os.environ, **variables}
    return subprocess.run(words, cwd=home, env=env, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    done = run(tmp_path_factory.mktemp("doctor"))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_where_scenarios_can_be_run_it_says_so_and_exits_with_0(told: list[str]) -> None:
    assert told[0].startswith("streamproof ")
    assert told[-1] == "✓ scenarios can be run"
    assert f"  ✓ Python {sys.version.split()[0]}" in told
    assert f"  ✓ catalogue {len(catalog.scenarios())} scenarios" in told


def test_every_client_that_ships_is_there_or_has_the_reason_why_it_is_not(told: list[str]) -> None:
    for one in catalog.every_adapter():
        if isinstance(one, Absent):
            assert any(line.startswith(f"  – {one.name}: ") for line in told)
        else:
            assert f"  ✓ {one.name} {one.version}" in told


def test_every_extra_of_this_package_is_named(told: list[str]) -> None:
    extras = {found.name for found in doctor.extras()}
    assert {"anthropic", "prometheus", "slack", "sentry", "watch"} <= extras
    assert extras <= {line.split()[1].rstrip(":") for line in told if line.startswith("  ")}
    assert extras - {"watch"} <= set(doctor._FOR)


def test_a_program_that_is_not_on_the_path_is_told_with_what_is_skipped_and_the_way_to_it(tmp_path: Path) -> None:
    lines = run(tmp_path, PATH=str(tmp_path)).stdout.splitlines()
    place = lines.index("  – Node: the client `node` and the JavaScript clients of others are skipped")
    assert lines[place + 1] == "      install Node 20 or later, https://nodejs.org"
    assert any(line.startswith("  – anthropic_go: there is no go on the PATH") for line in lines)


def test_a_program_is_told_by_the_version_that_it_says(tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho go version go7.8.9 linux/amd64\n", "utf-8")
    go.chmod(0o700)
    assert "  ✓ Go 7.8.9" in run(tmp_path, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}").stdout


def test_a_package_that_nothing_works_without_exits_with_1(tmp_path: Path) -> None:
    done = run(tmp_path, sys.executable, "-c", _WITHOUT.format(name="msgspec"))
    assert done.returncode == 1
    assert "  ✗ catalogue: ModuleNotFoundError" in done.stdout
    assert done.stdout.splitlines()[-1] == "✗ missing: catalogue"
    assert "Traceback" not in done.stderr


def test_what_is_needed_and_not_there_is_missing() -> None:
    there, wanted = Found(name="a", version="1", is_needed=True), Found(name="b", is_needed=True)
    assert doctor.lacks([there, wanted, Found(name="c")]) == [wanted]


@pytest.mark.parametrize(
    ("why", "reason", "way_out"),
    [
        (
            "client 'x' cannot be run: its packages are not installed: streamproof clients install x",
            "its packages are not installed",
            "streamproof clients install x",
        ),
        (
            "client 'x' cannot be imported: No module named 'x'; try: pip install 'streamproof[x]'",
            "client 'x' cannot be imported: No module named 'x'",
            "pip install 'streamproof[x]'",
        ),
        ("client 'x' cannot be run: there is no go on the PATH", "there is no go on the PATH", ""),
        ("something else", "something else", ""),
    ],
)
def test_a_reason_is_told_apart_from_the_command_that_helps(why: str, reason: str, way_out: str) -> None:
    assert doctor._reason(why) == (reason, way_out)
