"""The part that sinks over a network share: a task of their own brings the newest state to the receiver.

Rules:

1. ``take`` only notes what changed; calls are made by the task, one after the other.
2. What is brought is worked out when the call may be made and not before, so states that passed meanwhile cost nothing.
3. Inside a penalty no call is made. What failed in passing is brought again, as it is by then.
4. After ``finish`` the last state has ``patience`` seconds. When a penalty is longer than that, it fails at once.
5. A refusal ends all calls; ``finish`` reports it.
6. One call has :data:`CALL_SECONDS`, however little by little its response comes.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from random import Random
from typing import Any, TypeVar

from client_under_test.errors import StreamError
from client_under_test.events import Event
from client_under_test.sinks.pace import Pace, backoff
from client_under_test.sinks.sink import SinkFailed
from client_under_test.sinks.view import View

PATIENCE_SECONDS = 300.0
CALL_SECONDS = 30.0

T = TypeVar("T")


class NotNow(Exception):
    """The call failed in a way that may pass.

    Attributes:
        after: seconds that the receiver asks to wait; None when it did not say.
        unclear: whether the call may have taken effect all the same.
    """

    def __init__(self, reason: str, *, after: float | None = None, unclear: bool = False) -> None:
        super().__init__(reason)
        self.after, self.unclear = after, unclear


class Refused(Exception):
    """The same call would be refused again."""


class Courier(ABC):
    """A sink whose receiver is slow, limited, or may fail.

    Args:
        pace: when calls may be made.
        patience: seconds that the last state may take after the stream is over.
        chance: the source of jitter.
    """

    def __init__(self, *, pace: Pace, patience: float, chance: Random | None) -> None:
        self.view = View()
        self.pace = pace
        self._patience = patience
        self._chance = chance or Random()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._deadline: float | None = None
        self._failures = 0
        self._failed: str | None = None
        """Why no more calls are made."""

    @abstractmethod
    def due(self) -> float | None:
        """Seconds until something must be brought: 0 for now, None for nothing as far as is known."""

    @abstractmethod
    async def bring(self) -> None:
        """Make one call with what is due.

        Raises:
            NotNow: bring it again later.
            Refused: it is no use.
        """

    @abstractmethod
    def delivered(self) -> str:
        """The text that the receiver is known to have."""

    async def in_time(self, call: Awaitable[T]) -> T:
        """What ``call`` gives; an HTTP client's own limit is one of silence, which a slow response never meets.

        Raises:
            NotNow: it took longer than one call may, or than the last state may.
        """
        limit = min(CALL_SECONDS, self._patience)
        try:
            async with asyncio.timeout(limit):
                return await call
        except TimeoutError:
            raise NotNow(f"the receiver did not answer within {limit:g} s", unclear=True) from None

    async def begin(self) -> None:
        """Show that an answer is being waited for."""
        self._wake()

    async def take(self, event: Event) -> None:
        """Note the event; returns at once."""
        self.view.take(event)
        self._wake()

    async def finish(self, error: StreamError | None) -> None:
        """The stream is over. Returns when the last state is delivered.

        Raises:
            SinkFailed: it was refused, or could not be delivered in time.
        """
        self.view.finish(error)
        self._deadline = self.pace.clock() + self._patience
        task = self._wake()
        if self._is_hopeless():
            self._failed = self._failed or "the receiver wants no calls for longer than the last state may take"
            task.cancel()
            await asyncio.wait({task})
        else:
            await task
        if self._failed is not None:
            delivered = self.delivered()
            missing = self.view.text.removeprefix(delivered)
            raise SinkFailed(self._failed, delivered=delivered, missing=missing)

    def _wake(self) -> asyncio.Task[None]:
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=type(self).__name__)
        return self._task

    async def _run(self) -> None:
        while self._failed is None:
            due = self.due()
            if due is None and self.view.over:
                return
            if due == 0:
                await self._step()
            else:
                await self._rest(due)

    async def _rest(self, seconds: float | None) -> None:
        """Wait for a change, ``seconds`` at most."""
        self._changed.clear()
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._changed.wait())]
        if seconds is not None:
            waits.append(asyncio.ensure_future(_pause(self.pace, seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _step(self) -> None:
        await self.pace.turn()
        if self.due() != 0:
            return
        self.pace.taken()
        try:
            await self.bring()
        except NotNow as later:
            self._put_off(later)
        except Refused as refused:
            self._failed = str(refused)
        else:
            self._failures = 0

    def _put_off(self, later: NotNow) -> None:
        self._failures += 1
        self.pace.penalty(later.after or backoff(self._failures, self._chance))
        if self._is_hopeless():
            self._failed = f"{later}, until it was too late"

    def _is_hopeless(self) -> bool:
        late = self._deadline is not None and self.pace.clock() + self.pace.wait > self._deadline
        return late and self.due() is not None


async def _pause(pace: Pace, seconds: float) -> None:
    await pace.pause(seconds)
