"""One call between its session and a driver: the clock, the observers, and what is left to do.

The session's clock stands still while the caller holds an event, so a slow reader is never taken for a dead server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from client_under_test.observe import Observers
from client_under_test.session import Session, State
from client_under_test.signals import (
    BytesReceived,
    CancelRequested,
    Deliver,
    Drop,
    Input,
    Open,
    Started,
    TimerFired,
    WakeAt,
)

AT_ONCE_BYTES = 1 << 16
"""A burst is handled in pieces of this size, so that it does not keep others from their turn."""


class Call:
    """What a driver does with a session.

    Args:
        session: its state machine.
        observers: who is told of every signal.
        clock: monotonic seconds.
    """

    def __init__(self, session: Session, observers: Observers, clock: Callable[[], float]) -> None:
        self._session, self._observers, self._clock = session, observers, clock
        self._held = 0.0
        """Seconds that the caller has held events."""
        self._left: float | None = None
        self._wake: float | None = None
        self.actions: deque[Open | Drop | Deliver] = deque()
        """What is left to do, in order."""

    @property
    def over(self) -> bool:
        """Whether the session has come to its end; actions may be left."""
        return self._session.state is State.DONE

    def resume(self) -> None:
        """The caller asks for the next event."""
        if self._left is not None:
            self._held += self._clock() - self._left
            self._left = None
        elif self._session.state is State.IDLE:
            self.feed(Started())

    def leave(self) -> None:
        """The caller is given an event."""
        self._left = self._clock()

    def feed(self, happened: Input) -> None:
        """Give the session what happened; then its timer, if it is due: a busy peer must not keep it from firing."""
        self._handle(happened)
        if self._wake is not None and self._wake <= self._now():
            self._handle(TimerFired())

    def cancel(self) -> None:
        """End the call, if it is not over."""
        if not self.over:
            self._handle(CancelRequested())

    @property
    def timeout(self) -> float | None:
        """Seconds until the timer is due, None while it is not set."""
        return None if self._wake is None else max(0.0, self._wake - self._now())

    def _now(self) -> float:
        now = self._clock() if self._left is None else self._left
        return now - self._held

    def _handle(self, happened: Input) -> None:
        now = self._now()
        self._observers.tell(happened, now)
        for action in self._session.handle(happened, now):
            self._observers.tell(action, now)
            if isinstance(action, WakeAt):
                self._wake = action.at
            else:
                self.actions.append(action)


def taken(arrived: deque[Input]) -> Input:
    """Take the next input off ``arrived``; bytes that are there come as one, about ``AT_ONCE_BYTES`` at most."""
    first = arrived.popleft()
    if not isinstance(first, BytesReceived):
        return first
    pieces, size = [first.data], len(first.data)
    while arrived and size < AT_ONCE_BYTES and isinstance(more := arrived[0], BytesReceived):
        pieces.append(more.data)
        size += len(more.data)
        arrived.popleft()
    return BytesReceived(b"".join(pieces))
