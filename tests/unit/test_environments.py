"""Where the shipped programs run: what is missing is said, and what is installed is told with its version."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness import catalog
from harness.environments import PROGRAMS, Environment, programs, root
from harness.errors import UsageError
from harness.model import Capability


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STREAMPROOF_CLIENTS", str(tmp_path / "clients"))
    return tmp_path


def made(home: Path, name: str, head: str = "") -> Environment:
    """The environment of a program with that head."""
    folder = home / "programs"
    folder.mkdir(exist_ok=True)
    sign = "#" if name.endswith((".py", ".sh")) else "//"
    lines = ["/// script", *head.splitlines(), "///"]
    (folder / name).write_text("".join(f"{sign} {line}\n" for line in lines), "utf-8")
    return programs(folder)[Path(name).stem]


def test_every_program_that_ships_has_a_head_and_a_name_that_no_adapter_has() -> None:
    found = programs()
    assert len(found) >= 12
    assert {one.suffix for one in found.values()} == {".py", ".mjs", ".go", ".sh"}
    assert not found.keys() & set(catalog.names("harness.adapters"))
    assert set(catalog.clients()) == found.keys() | set(catalog.names("harness.adapters"))


def test_only_programs_of_which_one_process_makes_all_calls_keep_a_client() -> None:
    keep = [one for one in programs().values() if Capability.REUSE in one.head.capabilities]
    assert keep
    assert all(one.head.many for one in keep)


@pytest.mark.parametrize("file", sorted(PROGRAMS.rglob("*.py")), ids=lambda one: one.name)
def test_no_program_imports_anything_of_ours(file: Path) -> None:
    imports = re.findall(r"^(?:import|from) (\w+)", file.read_text("utf-8"), re.MULTILINE)
    assert not {"client_under_test", "fake_server", "harness", "reports", "scenarios"} & set(imports)


def test_clients_live_where_one_says_or_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    assert root() == home / "clients"
    monkeypatch.setenv("STREAMPROOF_CLIENTS", "")
    assert root().parts[-2:] == ("streamproof", "clients")


def test_a_program_whose_language_is_missing_says_so(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("PATH", str(home))
    assert programs()["curl"].lacks == "there is no bash and no curl and no jq on the PATH"
    assert programs()["anthropic_go"].lacks == "there is no go on the PATH"
    with pytest.raises(UsageError, match="client 'anthropic_go' cannot be installed: there is no go on the PATH"):
        programs()["anthropic_go"].install(lambda _: None)


def test_what_is_not_installed_says_how_it_can_be(home: Path) -> None:
    one = made(home, "mine.py")
    assert (one.lacks, one.version) == (
        "its packages are not installed: streamproof clients install mine",
        "not installed",
    )


def test_what_is_installed_is_told_with_the_version_of_its_first_package(home: Path) -> None:
    one = made(home, "mine.py", 'dependencies = ["some-client>=1", "other"]')
    one.folder.mkdir(parents=True)
    found = {"some-client": "1.2", "other": "3", "python": "3.11"}
    (one.folder / "installed.json").write_text(json.dumps(found), "utf-8")
    assert (one.lacks, one.version) == ("", "1.2")
    one.remove()
    assert one.version == "not installed"


def test_other_packages_are_another_installation(home: Path) -> None:
    before = made(home, "mine.py", 'dependencies = ["one>=1"]').folder
    assert made(home, "mine.py", 'dependencies = ["one>=2"]').folder != before


def test_a_built_program_is_built_anew_when_it_changes(home: Path) -> None:
    before = made(home, "mine.go").folder
    (home / "programs" / "mine.go").write_text("// /// script\n// ///\npackage main\n", "utf-8")
    assert programs(home / "programs")["mine"].folder != before


def test_an_installation_that_fails_says_what_the_package_manager_said_and_is_none(home: Path) -> None:
    one = made(home, "mine.py", 'dependencies = ["no such requirement"]')
    with pytest.raises(UsageError, match=r"client 'mine' cannot be installed: `.*pip install .*` failed: .*[Ii]nvalid"):
        one.install(lambda _: None)
    assert "not installed" in one.lacks


def test_a_program_without_packages_is_installed_with_its_language(home: Path) -> None:
    one, said = made(home, "mine.py"), []
    one.install(said.append)
    one.install(said.append)
    assert [line.split(":")[1].split()[0] for line in said] == ["installing", "installed,", "is"]
    assert one.lacks == ""
    assert list(one.versions or {}) == ["python"]
    assert one.command()[1:] == ("-P", str(one.file))


def test_another_kind_of_programs_has_environments_of_its_own_and_its_own_way_to_install_them(home: Path) -> None:
    made(home, "mine.py")
    one = programs(home / "programs", "bench", "streamproof bench --install")["mine"]
    assert one.folder.parent == root() / "bench"
    assert one.lacks == "its packages are not installed: streamproof bench --install"
    assert one.support == home / "programs" / "support"


@pytest.mark.parametrize(
    ("wanted", "lacks"), [("99.1", "there is no python99.1 on the PATH"), ("3.11", "its packages")]
)
def test_a_program_that_needs_a_later_python_runs_on_that_one(home: Path, wanted: str, lacks: str) -> None:
    one = made(home, "mine.py", f'requires-python = ">={wanted}"')
    assert one.lacks.startswith(lacks)
