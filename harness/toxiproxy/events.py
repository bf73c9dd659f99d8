"""What a server says of its connections: numbered events, the proof that a fault was delivered. Pure data.

``GET /events`` shows them as JSON lines; an observer in the same process also gets :class:`Carried`, with the bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

import msgspec

from harness.toxiproxy.toxic import Stream

Side = Literal["client", "server"]


class NetworkEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", gc=False):
    """Base of all events. ``at`` is in seconds of the machine's monotonic clock."""

    number: int = 0
    at: float
    proxy: str


class Started(NetworkEvent, frozen=True, kw_only=True, tag="started"):
    """The proxy listens."""

    listen: str


class Stopped(NetworkEvent, frozen=True, kw_only=True, tag="stopped"):
    """The proxy listens no more; its connections are closed."""


class ToxicAdded(NetworkEvent, frozen=True, kw_only=True, tag="toxic_added"):
    """A toxic is in place, on live connections too."""

    toxic: str
    type: str
    stream: Stream


class ToxicUpdated(NetworkEvent, frozen=True, kw_only=True, tag="toxic_updated"):
    """A toxic has other settings."""

    toxic: str


class ToxicRemoved(NetworkEvent, frozen=True, kw_only=True, tag="toxic_removed"):
    """A toxic is gone."""

    toxic: str


class Opened(NetworkEvent, frozen=True, kw_only=True, tag="opened"):
    """A client is connected to the server behind the proxy."""

    connection: int
    """From 1, for each proxy."""
    client: str
    local: str
    """The address under which the server sees it."""


class Unreachable(NetworkEvent, frozen=True, kw_only=True, tag="unreachable"):
    """A client connected and the server behind the proxy did not answer; the client's connection was closed."""

    connection: int
    why: str


class Struck(NetworkEvent, frozen=True, kw_only=True, tag="struck"):
    """A toxic began its work on a connection: from here on it holds, cuts, changes or drops what comes."""

    connection: int
    toxic: str
    stream: Stream
    passed: int
    """Bytes that it had let through before."""
    note: str = ""


class Carried(NetworkEvent, frozen=True, kw_only=True, tag="carried"):
    """Bytes were written to one side of a connection."""

    connection: int
    stream: Stream
    data: bytes


class Left(NetworkEvent, frozen=True, kw_only=True, tag="left"):
    """A peer has closed or reset its side; the other side may not know yet."""

    connection: int
    side: Side


class Closed(NetworkEvent, frozen=True, kw_only=True, tag="closed"):
    """A connection is over on both sides."""

    connection: int
    how: str
    """``client`` or ``server``: it closed first. ``toxic``: closed by one. ``reset``: reset by one. ``stopped``: by the
    proxy's own end."""
    upstream_received: int
    """Bytes read from the client."""
    upstream_sent: int
    """Bytes written to the server."""
    downstream_received: int
    """Bytes read from the server."""
    downstream_sent: int
    """Bytes written to the client."""


Event: TypeAlias = (
    Started
    | Stopped
    | ToxicAdded
    | ToxicUpdated
    | ToxicRemoved
    | Opened
    | Unreachable
    | Struck
    | Carried
    | Left
    | Closed
)
Observer: TypeAlias = Callable[[Event], None]

KEPT_EVENTS = 10_000


class EventLog:
    """Numbers the events, keeps the last 10,000 (without bytes), and passes all of them to an observer."""

    def __init__(self, observer: Observer | None = None, *, carries: bool = False) -> None:
        self._observer = observer
        self.carries = carries and observer is not None
        """Whether somebody wants to know the bytes."""
        self._kept: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._count = 0
        self.waiters: set[Callable[[], None]] = set()
        """Called after each event that is kept."""

    def add(self, event: Event) -> None:
        """Write down what happened."""
        if not isinstance(event, Carried):
            self._count += 1
            event = msgspec.structs.replace(event, number=self._count)
            self._kept.append(event)
            for wake in self.waiters:
                wake()
        if self._observer is not None:
            self._observer(event)

    def after(self, number: int, proxy: str | None = None) -> Iterator[Event]:
        """The events after that number that are still kept, in order; of one proxy only, if it is given."""
        return (one for one in self._kept if one.number > number and proxy in (None, one.proxy))
