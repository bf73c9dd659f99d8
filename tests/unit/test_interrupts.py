"""Ctrl-C is counted where it comes, and ends everything where that does no harm."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from harness.interrupts import interrupts


def interrupted(times: int, done: list[str], error: Exception | None = None, *, bears: int = 1) -> None:
    """Work that Ctrl-C comes into so often."""
    with interrupts(bears=bears) as stopped:
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        done.append(f"stopped: {stopped()}")
        if error is not None:
            raise error


@pytest.mark.parametrize(("times", "told"), [(0, "stopped: False"), (1, "stopped: True")])
def test_the_first_ctrl_c_is_told_to_whoever_asks_and_raises_nothing(times: int, told: str) -> None:
    done: list[str] = []
    interrupted(times, done)
    assert done == [told]


def test_the_second_ctrl_c_raises_at_the_end_and_not_before() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(2, done)
    assert done == ["stopped: True"]


def test_where_none_is_borne_the_first_one_raises_however_short_the_work_was() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(1, done, bears=0)
    assert done == ["stopped: True"]


def test_an_error_of_the_work_is_not_hidden_by_a_second_ctrl_c() -> None:
    with pytest.raises(ValueError, match="of the work"):
        interrupted(2, [], ValueError("of the work"))


def test_afterwards_ctrl_c_is_what_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)
    interrupted(1, [])
    assert signal.getsignal(signal.SIGINT) is before


SWALLOWS = """
import os, signal, threading
from harness.interrupts import end_at_once
with end_at_once():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(60)
    except KeyboardInterrupt:
        threading.Event().wait(60)
"""


def test_a_ctrl_c_that_somebody_catches_ends_the_process_all_the_same() -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWS], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (130, "streamproof: interrupted\n")
