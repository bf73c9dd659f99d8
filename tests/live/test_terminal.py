"""``streamproof run`` as somebody sees it: in a terminal, in a log of 40 columns, and again after every change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from live.terminals import piped, terminal

RUN = ("run", "--client", "naive", "--seed", "7")
PASSES = (*RUN, "-k", "completion.plain")
FAILS = (*RUN, "-k", "cutoff and clean")
STALLS = (*RUN, "-k", "completion.plain or stall.mid_text")
COLOUR = re.compile(r"\x1b\[[\d;]*3[1-7]m|\x1b\[[\d;]*[39][1-7]m")
CURSOR = re.compile(r"\x1b\[\??\d*[ABGHJKhl]")
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


# ---- the report


@pytest.mark.parametrize("columns", ["", "80", "40"])
def test_a_run_that_passes_takes_three_lines(tmp_path: Path, columns: str) -> None:
    done = piped(tmp_path, *PASSES, COLUMNS=columns)
    assert done.returncode == 0
    assert len((done.stdout + done.stderr).splitlines()) == 3


@pytest.mark.parametrize("columns", ["", "80", "40"])
def test_a_run_that_fails_takes_forty_lines_at_most(tmp_path: Path, columns: str) -> None:
    done = piped(tmp_path, *RUN, "-k", "cutoff or malformed or order or content", COLUMNS=columns)
    assert done.returncode == 1
    assert len((done.stdout + done.stderr).splitlines()) <= 40


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("verbose", [(), ("--verbose",)])
def test_no_line_is_longer_than_the_columns_and_no_word_is_cut_that_has_room(
    tmp_path: Path, columns: int, verbose: tuple[str, ...]
) -> None:
    piped(tmp_path, *FAILS, *verbose)
    report = ("report", "marks" if verbose else "console", "reports/out/history.jsonl")
    wide, narrow = (piped(tmp_path, *report, COLUMNS=said).stdout for said in ("", str(columns)))
    assert max(map(len, narrow.splitlines())) <= columns
    assert {word for word in wide.split() if len(word) <= columns} <= set(narrow.split())


def test_the_matrix_of_marks_is_printed_where_it_is_wanted(tmp_path: Path) -> None:
    done = piped(tmp_path, *FAILS, "--verbose")
    assert re.search(r"^cutoff +[✓✗]{7}$", done.stdout, re.MULTILINE)
    assert done.stdout.count("streamproof replay ") == done.stdout.count("✗ naive") > 1
    assert "✗✗" not in piped(tmp_path, *FAILS).stdout


# ---- in a terminal


def test_a_terminal_shows_clients_progress_and_time_left_and_then_only_the_report(tmp_path: Path) -> None:
    with terminal(tmp_path, *FAILS) as screen:
        status = screen.end()
    written = screen.written.decode()
    assert status == 1
    assert "left" in written
    assert re.search(r"\d/7\b", written)
    assert written.rfind(SHOW) > written.rfind(HIDE) > -1
    assert screen.lines[0].split() == ["client", "passed", "failed"]
    assert screen.lines[-1] == "written: reports/out/history.jsonl"
    assert not any("left" in line or "7/7" in line for line in screen.lines)
    assert len(screen.lines) <= 40


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_nothing_runs_over_the_edge_of_a_terminal(tmp_path: Path, columns: int) -> None:
    with terminal(tmp_path, *FAILS, columns=columns) as screen:
        screen.end()
    report = piped(tmp_path, "report", "console", "reports/out/history.jsonl", COLUMNS=str(columns)).stdout
    assert [line.rstrip() for line in report.splitlines()] == screen.lines[:-1]


def test_ctrl_c_gives_the_cursor_back_and_says_that_the_run_was_interrupted(tmp_path: Path) -> None:
    with terminal(tmp_path, *STALLS) as screen:
        screen.until("1/2")
        screen.press("\x03")
        assert screen.end() == 3
    assert screen.written.decode().rfind(SHOW) > screen.written.decode().rfind(HIDE)
    assert any("1 of 2 cases" in line and "interrupted" in line for line in screen.lines)


def test_a_dumb_terminal_is_given_plain_text(tmp_path: Path) -> None:
    with terminal(tmp_path, *FAILS, TERM="dumb") as screen:
        screen.end()
    assert b"\x1b" not in screen.written


def test_a_terminal_has_colours_unless_somebody_wants_none(tmp_path: Path) -> None:
    found = []
    for variables in ({}, {"NO_COLOR": "1"}):
        with terminal(tmp_path, *FAILS, **variables) as screen:
            screen.end()
        found.append(COLOUR.search(screen.written.decode()) is not None)
    assert found == [True, False]


def test_a_pipe_is_given_plain_text_and_colours_where_somebody_forces_them(tmp_path: Path) -> None:
    assert "\x1b" not in piped(tmp_path, *FAILS).stdout
    forced = piped(tmp_path, *FAILS, FORCE_COLOR="1").stdout
    assert COLOUR.search(forced)
    assert not CURSOR.search(forced)


# ---- again and again

CLIENT = """
from harness.adapters.naive import NaiveAdapter


class Mine(NaiveAdapter):
    name, version = "mine", {version!r}


ADAPTER = Mine()
"""
WATCH = ("run", "--client", "mine:ADAPTER", "-k", "completion.plain", "--watch", "-v")
WAITING = "waiting for a change"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(CLIENT.format(version="one"), "utf-8")
    return path


def children(of: int) -> list[str]:
    return Path(f"/proc/{of}/task/{of}/children").read_text().split()


def test_a_run_is_run_again_when_its_client_changes_with_what_it_is_then(mine: Path) -> None:
    with terminal(mine.parent, *WATCH, PYTHONPATH=str(mine.parent)) as screen:
        screen.until(WAITING)
        assert "mine one" in screen.written.decode()
        screen.forget()
        fresh = mine.with_name("mine.new")
        fresh.write_text(CLIENT.format(version="two"), "utf-8")
        fresh.replace(mine)  # as editors do
        screen.until("changed: mine.py; running again")
        screen.until(WAITING)
        assert "mine two" in screen.written.decode()
        screen.press("\x03")
        assert screen.end() == 0
    assert "Traceback" not in screen.written.decode()
    assert len(set(re.findall(r"seed (\d+)", "\n".join(screen.lines)))) == 1


def test_a_change_that_is_no_part_of_the_run_does_not_run_it_again(mine: Path) -> None:
    with terminal(mine.parent, *WATCH, PYTHONPATH=str(mine.parent)) as screen:
        screen.until(WAITING)
        (mine.parent / "other.py").write_text("", "utf-8")
        mine.write_text(CLIENT.format(version="two"), "utf-8")
        screen.until("running again")
        screen.press("\x03")
        assert screen.end() == 0
    assert "other.py" not in screen.written.decode()


def test_a_change_ends_the_run_that_goes_on_and_ctrl_c_leaves_nothing_behind(mine: Path) -> None:
    command = ("run", "--client", "mine:ADAPTER", "-k", "stall.mid_text", "--watch")
    with terminal(mine.parent, *command, PYTHONPATH=str(mine.parent)) as screen:
        screen.until("0/1")
        mine.write_text(CLIENT.format(version="two"), "utf-8")
        screen.until("running again")
        assert "interrupted" in screen.written.decode()
        screen.forget()
        screen.until("0/1")
        (child,) = children(screen.process.pid)
        screen.press("\x03")
        assert screen.end() == 0
    assert not Path(f"/proc/{child}").exists()
    assert screen.written.decode().rfind(SHOW) > screen.written.decode().rfind(HIDE)


@pytest.mark.parametrize(
    ("package", "words", "extra"),
    [("watchfiles", ("--watch",), "watch"), ("prometheus_client", ("--metrics-port", "0"), "prometheus")],
)
def test_an_option_whose_package_is_missing_names_its_extra(
    tmp_path: Path, package: str, words: tuple[str, ...], extra: str
) -> None:
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('No module named {package}')", "utf-8")
    done = piped(tmp_path, *PASSES, *words, PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert f"{words[0]} needs its package: pip install 'streamproof[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
