"""The silences that end something, and the one timer that watches over them all."""

from __future__ import annotations

from enum import StrEnum

from client_under_test.policy import Limits


class Deadline(StrEnum):
    """What may take too long, in the order in which it is honoured when several are due."""

    TOTAL = "the whole call took too long"
    FIRST_BYTE = "no response came"
    WHOLE_RESPONSE = "no response came without streaming"
    FIRST_EVENT = "no event came after the response began"
    IDLE = "nothing at all came"
    PROGRESS = "only signs of life came, and no content"
    CLOSING = "message_stop did not come"
    RETRY = "time to try again"
    FLUSH = "time to show what is held"


OF_ATTEMPT = (
    Deadline.WHOLE_RESPONSE,
    Deadline.FIRST_BYTE,
    Deadline.FIRST_EVENT,
    Deadline.IDLE,
    Deadline.PROGRESS,
    Deadline.CLOSING,
)


class Deadlines:
    """When each deadline that is set is due; the limit of a deadline has the same name."""

    def __init__(self, limits: Limits) -> None:
        self._limits: dict[Deadline, float | None] = {
            one: getattr(limits, one.name.lower()) for one in (Deadline.TOTAL, *OF_ATTEMPT)
        }
        self._due: dict[Deadline, float] = {}

    def __contains__(self, deadline: Deadline) -> bool:
        return deadline in self._due

    def start(self, *deadlines: Deadline, now: float) -> None:
        """Start (again) the time of each; one without a limit is not set."""
        for deadline in deadlines:
            limit = self._limits[deadline]
            if limit is not None:
                self._due[deadline] = now + limit

    def set(self, deadline: Deadline, at: float | None) -> None:
        """Set ``deadline`` to a time, or clear it."""
        if at is None:
            self._due.pop(deadline, None)
        else:
            self._due[deadline] = at

    def clear(self, *deadlines: Deadline) -> None:
        """Set none of these any more."""
        for deadline in deadlines:
            self._due.pop(deadline, None)

    def limit(self, deadline: Deadline) -> float | None:
        """Seconds that ``deadline`` allows, None for no limit."""
        return self._limits[deadline]

    @property
    def next(self) -> float | None:
        """When the first one is due, None when none is set."""
        return min(self._due.values(), default=None)

    def take(self, now: float) -> Deadline | None:
        """Remove and return the deadline to honour at ``now``, if any is due."""
        due = next((one for one in Deadline if self._due.get(one, now + 1) <= now), None)
        self.clear(*(one for one in (due,) if one is not None))
        return due
