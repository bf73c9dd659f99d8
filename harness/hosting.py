"""The live runner in a thread and an event loop of its own, for whoever makes the call of a case himself.

A test makes its call with its own client, in its own thread, perhaps without any event loop; so the server and the
network must not need that thread. A case is open from :meth:`Host.open` to :meth:`HostedCase.close`. From
:meth:`HostedCase.begin` on the call has the time to settle that its scenario gives; when that is over the case is
closed, which breaks the connections of a client that hangs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from itertools import count
from typing import Self

import msgspec

from fake_server.clock import Clock
from fake_server.record import ServerRecord
from harness.history import Record
from harness.job import token_of
from harness.live import LiveRunner, OpenCase
from harness.model import ClientRecord, Finished, Job, TimedOut
from harness.observing import STOP_SECONDS, within
from harness.plan import PlannedCase


class Host:
    """Server and network, from ``with`` to the end of the block.

    Raises:
        OSError: on entering, when no port can be had.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._runner = LiveRunner(clock)
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="streamproof", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._error: OSError | None = None
        self._numbers = count(1)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def open(self, case: PlannedCase) -> HostedCase:
        """Serve ``case`` under a token that no other case of this host has, even when it is run again."""
        assert self._loop is not None
        return HostedCase(self._runner, case, f"{token_of(case)}~{next(self._numbers)}", self._loop)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._error = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        async with self._runner:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            self._started.set()
            await self._stop.wait()


class HostedCase:
    """A case that is open until it is closed or its time is up. All methods are for other threads than the host's."""

    def __init__(self, runner: LiveRunner, case: PlannedCase, token: str, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._begun, self._over = asyncio.Event(), asyncio.Event()
        self._lock = threading.Lock()
        self._late: Callable[[], object] = lambda: None
        self.ending: Finished | TimedOut | None = None
        """How the call ended; None while nobody has said so and its time is not up."""
        self._stack = AsyncExitStack()
        opening = self._stack.enter_async_context(runner.opened(case, token))
        self._opened: OpenCase = asyncio.run_coroutine_threadsafe(opening, loop).result()
        self._record = asyncio.run_coroutine_threadsafe(self._attend(), loop)

    @property
    def server(self) -> tuple[ServerRecord, ...]:
        """What the server did and saw up to now."""
        return self._opened.server

    @property
    def job(self) -> Job | None:
        """What the client is to do; None when its network could not be set up."""
        return self._opened.job

    def begin(self, late: Callable[[], object]) -> None:
        """The call begins now.

        Args:
            late: called once from the host's thread when the time of a call was up and its case is not closed soon.
        """
        self._late = late
        self._loop.call_soon_threadsafe(self._begun.set)

    def note(self, record: ClientRecord) -> None:
        """Write down what the client's user sees now; what comes after the end of the call is not."""
        with self._lock:
            if self.ending is None:
                self._opened.seen.append(msgspec.structs.replace(record, t=round(self._opened.now(), 6)))
                self.ending = record if isinstance(record, Finished | TimedOut) else None

    def close(self) -> Record:
        """Wait for the client's connections to close, as long as its scenario allows, and return what happened."""
        for event in (self._over, self._begun):
            self._loop.call_soon_threadsafe(event.set)
        return self._record.result()

    async def _attend(self) -> Record:
        async with self._stack:
            await self._begun.wait()
            try:
                async with within(self._opened.calls[-1].scenario.limits.settle, self._opened.lost):
                    await self._over.wait()
            except TimeoutError:
                self.note(TimedOut())
                self._loop.call_later(STOP_SECONDS, self._complain)
        return self._opened.record

    def _complain(self) -> None:
        if isinstance(self.ending, TimedOut) and not self._over.is_set():
            self._late()
