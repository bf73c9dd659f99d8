"""What a run is made of, and what it only leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import catalog
from harness.watch import Watched, watched

HARNESS = Path(catalog.__file__).parent


def test_the_packages_and_the_catalogue_are_watched_and_what_python_and_runs_write_is_not() -> None:
    what = watched(["naive"])
    for name in ("watch.py", "adapters/naive.py", "checks/settles.py", "programs/support/new.mjs"):
        assert what.has(HARNESS / name)
    for name in ("scenarios/cutoff.py", "scenarios/failures.toml", "reports/console/page.py", "fake_server/app.py"):
        assert what.has(HARNESS.parent / name)
    for name in ("__pycache__/watch.py", "watch.pyc", "../reports/out/report.html", "../reports/matrix/matrix.json"):
        assert not what.has((HARNESS / name).resolve())
    assert not what.has(HARNESS.parent / "tests" / "new.py")


def test_every_folder_with_something_in_it_is_watched() -> None:
    folders = watched(["naive"]).folders
    assert {HARNESS, HARNESS / "checks", HARNESS / "programs" / "support"} <= set(folders)
    assert not any("__pycache__" in folder.parts for folder in folders)


def test_the_file_of_a_client_is_watched_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "surely_mine.py"
    module.write_text("raise RuntimeError('it is not imported')", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    what = watched(["surely_mine:ADAPTER"])
    assert what.files == {module}
    assert tmp_path in what.folders
    assert not what.has(tmp_path / "other.py")


def test_every_file_of_a_client_that_is_a_package_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "surely_ours" / "deep" / "inner.py"
    inner.parent.mkdir(parents=True)
    for path in (inner, inner.with_name("__init__.py"), tmp_path / "surely_ours" / "__init__.py"):
        path.write_text("", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert inner in watched(["surely_ours:ADAPTER"]).files


def test_the_files_of_a_command_are_watched(tmp_path: Path) -> None:
    program = tmp_path / "my client.mjs"
    program.write_text("", "utf-8")
    assert watched([f"cmd:node '{program}' --flag"]).files == {program}


@pytest.mark.parametrize("client", ["surely_not:there", "surely.not:there", ":x", "cmd:'", "cmd:node", "naive"])
def test_a_client_whose_files_cannot_be_told_is_left_to_the_run_to_complain_of(client: str) -> None:
    assert watched([client]).files == frozenset()


def test_a_file_that_the_command_line_names_is_watched(tmp_path: Path) -> None:
    there, gone = tmp_path / "a.json", tmp_path / "b.json"
    there.write_text("{}", "utf-8")
    what = watched([], [there, gone])
    assert isinstance(what, Watched)
    assert what.files == {there}
