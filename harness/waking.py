"""Wakes the main thread out of whatever it waits for: a client that hangs must not take its user's tests with it.

Breaking its connections is not enough for a client that sleeps for an hour because a header says so. Only a signal gets
through to such a thread, and only to the main one; elsewhere nothing is done.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class NotStopped(BaseException):
    """Raised in a thread that is woken. No ``Exception``: a client that catches those must not go on."""


@contextmanager
def waking() -> Iterator[Callable[[], None]]:
    """Yields a function that raises :class:`NotStopped` in the block, whatever it waits for; for other threads.

    It uses ``SIGALRM``; one that somebody else has sent goes to the handler that was there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    thread, lock, is_inside, is_due = threading.get_ident(), threading.Lock(), True, False

    def wake() -> None:
        nonlocal is_due
        with lock:
            if is_inside:
                is_due = True
                signal.pthread_kill(thread, signal.SIGALRM)

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal is_due
        if is_due:
            is_due = False
            raise NotStopped
        if callable(before):
            before(number, frame)

    before = signal.signal(signal.SIGALRM, handle)
    try:
        yield wake
    finally:
        with lock:
            is_inside = False
        signal.signal(signal.SIGALRM, before)
