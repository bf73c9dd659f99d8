"""What of each reply reached the client through the network, and when. Pure.

The server's lane says what was written; the network's lane says what came out on the client's side. A reply as the
client could see it is the server's, with the bytes that were delivered, at the times of their delivery, and with the
end that the client saw. So the laws read one kind of attempt, network or not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from fake_server.record import KEPT_BYTES, Ended, Sent
from fake_server.record import Struck as ServerStruck
from harness.attempt import Attempt
from harness.network import ABANDONED, DOWN, Counted, NetworkRecord
from harness.toxiproxy.events import Carried, Closed, Left, Opened, Started, Stopped, Struck

_HOW = {
    "client": "peer_closed",
    "server": "close",
    "toxic": "close",
    "stopped": "close",
    "reset": "reset",
    ABANDONED: ABANDONED,
}
"""How a connection ended, in the words that the server has for it."""


def delivered(
    network: Sequence[NetworkRecord], attempts: Sequence[Attempt], *, generous: bool = False
) -> list[Attempt]:
    """The attempts as the client could see them.

    Args:
        generous: where it is in doubt how much came through, take all for delivered, and not nothing.

    Raises:
        LookupError: a request came over a connection that the network knows nothing of.
    """
    counted = [record for record in network if isinstance(record, Counted)]
    if counted:
        return _by_counts(counted, attempts, generous=generous)
    connections = list(_connections(network).values())
    over = [_over(attempt, connections) for attempt in attempts]
    seen: dict[int, Attempt] = {}
    for one in connections:
        seen |= one.views([attempt for attempt, its in zip(attempts, over, strict=True) if its is one])
    return [seen[attempt.number] for attempt in attempts]


def is_in_doubt(network: Iterable[NetworkRecord]) -> bool:
    """Whether there are only counters, which do not count connections that broke while they were written to."""
    return any(isinstance(one, Counted) for one in network)


def requests_left(network: Iterable[NetworkRecord]) -> bool:
    """Whether a client may have sent anything, as far as the network knows: it was connected, or bytes came."""
    return any(isinstance(one, Opened) or (isinstance(one, Counted) and one.upstream_received) for one in network)


def proven(
    network: Sequence[NetworkRecord], toxics: Mapping[str, str], written: int, complained: float = float("inf")
) -> frozenset[str]:
    """Of the faults ``toxics`` (name to type) those that did their work on a connection of this case.

    Args:
        written: bytes of all replies as the server wrote them.
        complained: when the client first said that something was wrong.
    """
    struck = {record.toxic for record in network if isinstance(record, Struck)}
    counted = [record for record in network if isinstance(record, Counted)]
    if counted:
        others = {name: type_ for name, type_ in toxics.items() if type_ != DOWN}
        struck |= {name for name, type_ in others.items() if _shows(counted[-1], name, type_, written)}
    felt = {
        DOWN if place == 1 else f"{DOWN}_{place}" for place, one in enumerate(_outages(network, complained), 1) if one
    }
    return frozenset(struck | (felt & toxics.keys()))


def _outages(network: Iterable[NetworkRecord], complained: float) -> Iterator[bool]:
    """Of each outage in order of time, whether it was felt.

    It was when it closed connections; from a Toxiproxy that only counts, when a request had come that it could break.
    Nobody but the client sees a connection that is refused: an outage at the start was felt when it complained then.
    """
    breaks = since_start = False
    for record in network:
        match record:
            case Closed(how="stopped") | Counted():
                breaks = True
            case Stopped(at=at) if at > 0:
                yield breaks
                breaks = False
            case Stopped():
                since_start = True
            case Started(at=at) if since_start:
                yield complained <= at
                since_start = False
            case _:
                pass
    if since_start:
        yield complained < float("inf")


def _shows(total: Counted, name: str, type_: str, written: int) -> bool:
    """Whether bytes show it: a toxic that cuts leaves some behind, any other had something to work on."""
    if name.startswith(f"{type_}_upstream"):
        came, passed = total.upstream_received, total.upstream_sent
    else:
        came, passed = max(total.downstream_received, written), total.downstream_sent
    return came > passed if type_ in ("timeout", "reset_peer", "limit_data") else came > 0


# ---- told by events --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Connection:
    """One connection as its events tell it."""

    local: str
    opened: float
    """Seconds since the case began."""
    pieces: list[Carried] = field(default_factory=list)
    strikes: list[Struck] = field(default_factory=list)
    left: Left | None = None
    """The client's own close, when it came before the end."""
    closed: Closed | None = None

    def views(self, mine: Sequence[Attempt]) -> Iterator[tuple[int, Attempt]]:
        """The attempts that came over this connection, as its client saw them; each with its number."""
        wire, start = _Wire(self.pieces), 0
        for place, attempt in enumerate(mine):
            later = mine[place + 1].requested.t if place + 1 < len(mine) else float("inf")
            since = attempt.requested.t if place else 0.0
            strikes = [one for one in self.strikes if since <= one.at < later]
            yield attempt.number, self._view(attempt, wire, start, strikes)
            start += _written(attempt)

    def _view(self, attempt: Attempt, wire: _Wire, start: int, strikes: list[Struck]) -> Attempt:
        view = Attempt(attempt.number, attempt.requested, attempt.replied)
        view.sent = list(wire.cut(attempt.sent, start))
        arrived = view.sent[-1].total if view.sent else 0
        view.struck = sorted(
            [
                *(_moved(one, wire.time(start + one.total)) for one in attempt.struck if one.total <= arrived),
                *(_as_servers(one, attempt.number, wire.count(one.at) - start, arrived) for one in strikes),
            ],
            key=lambda one: one.t,
        )
        view.ended = self._end(attempt, view, arrived)
        return view

    def _end(self, attempt: Attempt, view: Attempt, arrived: int) -> Ended | None:
        whole = arrived == _written(attempt)
        if whole and attempt.ended is not None and attempt.ended.how == "end":
            t = view.sent[-1].t if view.sent else attempt.ended.t
            return Ended(t=t, attempt=attempt.number, how="end", total=arrived)
        if self.left is not None:
            return Ended(t=self.left.at, attempt=attempt.number, how="peer_closed", total=arrived)
        if self.closed is None:
            return None
        return Ended(t=self.closed.at, attempt=attempt.number, how=_HOW[self.closed.how], total=arrived)


class _Wire:
    """The bytes that came out of one connection, each with its time."""

    def __init__(self, pieces: Sequence[Carried]) -> None:
        self._data = b"".join(piece.data for piece in pieces)
        self._ends = list(accumulate(len(piece.data) for piece in pieces))
        self._times = [piece.at for piece in pieces]

    def time(self, count: int) -> float:
        """When so many bytes were there; 0 for none."""
        return self._times[min(bisect_left(self._ends, count), len(self._times) - 1)] if count and self._times else 0.0

    def count(self, t: float) -> int:
        """How many bytes were there at ``t``."""
        place = bisect_left(self._times, t)
        return self._ends[place - 1] if place else 0

    def cut(self, writes: Iterable[Sent], start: int) -> Iterator[Sent]:
        """The server's writes, from byte ``start`` of the connection on, with what came out of each."""
        for write, size in _among(writes, len(self._data) - start):
            begins = start + write.total - write.size
            yield _part(write, self._data[begins : begins + size], size, self.time(begins + size))


def _connections(network: Iterable[NetworkRecord]) -> dict[int, _Connection]:
    """Those that led to the server; others were given up before, and nothing came over them."""
    found: dict[int, _Connection] = {}
    for record in network:
        if isinstance(record, Opened):
            found[record.connection] = _Connection(record.local, record.at)
        elif isinstance(record, Carried | Struck | Left | Closed) and record.connection in found:
            _note(found[record.connection], record)
    return found


def _note(connection: _Connection, record: Carried | Struck | Left | Closed) -> None:
    match record:
        case Carried(stream="downstream") if connection.left is None:
            connection.pieces.append(record)  # what comes after the client has left is for nobody
        case Struck():
            connection.strikes.append(record)
        case Left(side="client"):
            connection.left = record
        case Closed():
            connection.closed = record
        case _:
            pass


def _over(attempt: Attempt, connections: Iterable[_Connection]) -> _Connection:
    """The connection that a request came over, among several of the same address the last one before it: a system
    gives away a port again once its connection is closed.

    Raises:
        LookupError: there is none.
    """
    asked = attempt.requested
    found = [one for one in connections if one.local == asked.peer and one.opened <= asked.t]
    if not found:
        raise LookupError(f"no connection of the network is {asked.peer!r}, where request {attempt.number} came from")
    return found[-1]


def _moved(struck: ServerStruck, t: float) -> ServerStruck:
    return ServerStruck(
        t=max(t, struck.t), attempt=struck.attempt, fault=struck.fault, note=struck.note, total=struck.total
    )


def _as_servers(struck: Struck, attempt: int, count: int, arrived: int) -> ServerStruck:
    total = min(max(count, 0), arrived) if struck.stream == "downstream" else 0
    return ServerStruck(t=struck.at, attempt=attempt, fault=struck.toxic, note=struck.note, total=total)


def _among(writes: Iterable[Sent], count: int) -> Iterator[tuple[Sent, int]]:
    """The writes that have a part in the first ``count`` bytes of a reply, and the size of that part."""
    for write in writes:
        size = min(write.size, count - (write.total - write.size))
        if size == write.size or size > 0:
            yield write, size
        if size < write.size:
            return


def _part(write: Sent, data: bytes, size: int, t: float) -> Sent:
    """The write as it is when only its first ``size`` bytes came, and came as ``data``."""
    return Sent(
        t=t,
        attempt=write.attempt,
        data=data[:KEPT_BYTES],
        size=size,
        total=write.total - write.size + size,
        event=write.event if size == write.size else None,
    )


def _written(attempt: Attempt) -> int:
    return attempt.sent[-1].total if attempt.sent else 0


# ---- told by counts --------------------------------------------------------------------------------------------------


def _by_counts(counted: list[Counted], attempts: Sequence[Attempt], *, generous: bool) -> list[Attempt]:
    """The same from the counters of a Toxiproxy that tells nothing of single connections.

    They say how much came out, not when: times are the server's, and how a reply ended is unknown unless it is whole.
    A connection that broke while it was written to is not counted at all, so nothing counted may be anything.
    """
    counts = _counts(counted, attempts) if attempts else []
    views = []
    for attempt, count in zip(attempts, counts, strict=True):
        doubtful = count == 0 and generous
        views.append(_counted_view(attempt, _written(attempt) if doubtful else count))
    return views


def _counts(counted: list[Counted], attempts: Sequence[Attempt]) -> list[int]:
    """Bytes that came out of each reply."""
    marks = {one.attempt: one.downstream_sent for one in counted}
    ends = [marks[one.number] for one in attempts[1:]] + [counted[-1].downstream_sent]
    counts = [after - before for before, after in zip([0, *ends], ends, strict=False)]
    for place in range(len(counts) - 1, 0, -1):  # a connection may be counted after the next request has come
        excess = max(0, counts[place] - _written(attempts[place]))
        counts[place], counts[place - 1] = counts[place] - excess, counts[place - 1] + excess
    return counts


def _counted_view(attempt: Attempt, count: int) -> Attempt:
    arrived = min(count, _written(attempt))
    view = Attempt(attempt.number, attempt.requested, attempt.replied)
    view.sent = [_part(one, one.data[:size], size, one.t) for one, size in _among(attempt.sent, arrived)]
    view.struck = [one for one in attempt.struck if one.total <= arrived]
    ended = attempt.ended
    if ended is not None:
        how = ended.how if arrived == _written(attempt) else "unknown"
        view.ended = Ended(t=ended.t, attempt=ended.attempt, how=how, total=arrived)
    return view
