"""Ctrl-C in a command with many processes: the first one ends the work in order, the second one ends everything."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_SECONDS = 0.2
"""How often the work should ask."""


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
