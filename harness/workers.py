"""Who runs the parts of a campaign: processes of this machine, or the workers of a Dask scheduler."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, forkserver, get_context, resource_tracker
from multiprocessing.connection import Connection
from threading import Thread

from harness.errors import UsageError

_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+:\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """An executor, and how much it is given."""

    executor: Executor
    at_once: Callable[[], int]
    """How many parts are with it at a time; more than it can run, so that it never waits for the next."""


@contextmanager
def processes(count: int) -> Iterator[Workers]:
    """Processes of this machine; at the end, and when this process dies, they end at once, whatever they are doing.

    They are started when they are given work. A signal handler that raises would leave one half made: see
    :func:`~harness.interrupts.interrupts`.
    """
    context = get_context("forkserver")  # a fork of this process would copy its threads' locks
    context.set_forkserver_preload(["harness.fuzz", "harness.strategies"])
    _start_deaf()
    theirs, ours = context.Pipe(duplex=False)
    others = set(active_children())
    pool = ProcessPoolExecutor(count, context, initializer=_end_with, initargs=(theirs,))
    try:
        yield Workers(executor=pool, at_once=lambda: 2 * count)
    finally:
        for one in set(active_children()) - others:
            one.kill()  # one that has only just begun would complain that what it was given is gone
        pool.shutdown(wait=False, cancel_futures=True)
        ours.close()
        theirs.close()


def _start_deaf() -> None:
    """Ctrl-C is for the process that the user sees: what it starts inherits that it is blocked.

    Were it ignored meanwhile, a Ctrl-C would be lost.
    """
    resource_tracker.ensure_running()  # the fork server would start it, which lets the signal through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with(other: Connection) -> None:
    """End this process when the other end of the pipe is closed."""

    def wait() -> None:
        other.poll(None)
        os._exit(0)

    Thread(target=wait, daemon=True).start()


@contextmanager
def cluster(address: str) -> Iterator[Workers]:
    """The workers of a Dask scheduler. A part whose worker dies is run again by another one.

    Raises:
        UsageError: the package is missing, this is no address, or nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(f"--dask needs its package: pip install 'streamproof[dask]' ({error})") from error
    if not _ADDRESS.fullmatch(address):
        raise UsageError(f"--dask {address!r}: expected tcp://HOST:PORT, as the scheduler prints it")
    try:
        client = Client(address, timeout="5s", set_as_default=False)
    except OSError as error:
        raise UsageError(f"no Dask scheduler at {address}: {error}") from error
    with client:
        executor = client.get_executor(pure=False, retries=3)
        yield Workers(executor=executor, at_once=lambda: max(2, 2 * sum(client.ncores().values())))
