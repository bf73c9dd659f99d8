"""The parsers of others: what is shipped for each, and what is measured where its packages are in this environment."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from harness.bench import parsers
from harness.bench.parsers import PROGRAMS, Parser, environments, peers
from harness.bench.results import Away


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STREAMPROOF_CLIENTS", str(tmp_path / "clients"))
    return tmp_path


def test_every_peer_has_a_program_that_names_its_package() -> None:
    found = environments()
    assert len(found) >= 11
    assert all(one.head.dependencies for one in found.values())
    assert {one.suffix for one in found.values()} == {".py", ".mjs"}


@pytest.mark.parametrize("file", sorted(PROGRAMS.rglob("*.py")), ids=lambda one: one.name)
def test_no_program_imports_anything_of_ours(file: Path) -> None:
    imports = re.findall(r"^(?:import|from) (\w+)", file.read_text("utf-8"), re.MULTILINE)
    assert not {"client_under_test", "fake_server", "harness", "reports", "scenarios"} & set(imports)


def test_what_is_in_this_environment_anyway_is_measured_with_this_python() -> None:
    pytest.importorskip("anthropic")
    (one,) = (peer for peer in peers() if isinstance(peer, Parser) and peer.name == "anthropic")
    assert one.command[:2] == (sys.executable, "-P")
    assert re.fullmatch(r"[\d.]+", one.version)


def test_what_is_nowhere_is_away_with_the_way_to_get_it() -> None:
    away = {one.name: one.why for one in peers() if isinstance(one, Away)}
    assert away["assel"] == f"its packages are not installed: {parsers.HOW}"


def test_what_is_installed_is_measured_and_says_when_its_python_is_another_one() -> None:
    one = environments()["assel"]
    one.folder.mkdir(parents=True)
    (one.folder / "installed.json").write_text('{"assel": "1.0.0", "python": "3.99.1"}', "utf-8")
    (found,) = (peer for peer in peers() if isinstance(peer, Parser) and peer.name == "assel")
    assert found.version == "1.0.0 on Python 3.99.1"
    assert found.command == tuple(one.command())
