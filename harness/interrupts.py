"""Ctrl-C in a command with many processes: the first one ends the work in order, the second one ends everything."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

LOOK_SECONDS = 0.2
"""How often the work should ask."""
_GRACE_SECONDS = 2.0
"""What an orderly end may take."""


@contextmanager
def interrupts(*, bears: int = 1) -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether the user has asked for the end, which the work asks again and again.

    The signal itself raises nothing, wherever it comes, so that no process is left half started.

    Args:
        bears: how often the user may ask before everything ends.

    Raises:
        KeyboardInterrupt: at the end, when the user has asked more often.
    """
    times = 0

    def count(_number: int, _frame: object) -> None:
        nonlocal times
        times += 1

    before = signal.signal(signal.SIGINT, count)
    try:
        yield lambda: times > 0
    finally:
        signal.signal(signal.SIGINT, before)
    if times > bears:
        raise KeyboardInterrupt


@contextmanager
def end_at_once() -> Iterator[None]:
    """While the block runs, Ctrl-C raises ``KeyboardInterrupt``, and ends the process if that is lost on the way.

    For clients that run in this process: one may catch what is raised, and what comes in a destructor is lost. Blocks
    of :func:`interrupts` may lie within; between them no Ctrl-C is lost, even where it was ignored before.
    """

    def end(_number: int, _frame: object) -> NoReturn:
        threading.Thread(target=_give_up, name="gives-up", daemon=True).start()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _give_up() -> NoReturn:
    threading.Event().wait(_GRACE_SECONDS)
    sys.stderr.write("streamproof: interrupted\n")
    sys.stderr.flush()
    os._exit(130)
