"""Both sides of a case as lines for people: what went over the wire, what struck, what the user saw. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Literal, assert_never

from fake_server.record import Ended, Replied, Requested, Sent, ServerRecord, Struck, Waited
from harness.history import Record
from harness.model import AdapterFailed, Cancelled, Cleared, ClientRecord, Finished, Noticed, Shown, TimedOut, ToolRan
from harness.network import ABANDONED, Counted, NetworkFailed, NetworkRecord
from harness.plain import plain, plain_bytes
from harness.receiver import Called, ReceiverRecord, Showed
from harness.toxiproxy.events import (
    Carried,
    Closed,
    Left,
    Opened,
    Started,
    Stopped,
    ToxicAdded,
    ToxicRemoved,
    ToxicUpdated,
    Unreachable,
)
from harness.toxiproxy.events import Struck as ToxicStruck

Side = Literal["server", "client", "network", "receiver", "fault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a timeline; ``t`` is seconds since the case began."""

    t: float
    side: Side
    what: str
    detail: str = ""
    """Bytes or text, made printable."""


def timeline(record: Record) -> list[Line]:
    """All lanes in order of time; neighbouring writes and pieces of text are one line."""
    lanes = (
        _server_lane(record.server),
        _network_lane(record.network),
        _client_lane(record.client),
        map(receiver_line, record.receiver),
    )
    return sorted(chain(*lanes), key=lambda line: line.t)


_BREATH_SECONDS = 0.1
"""A pause between two writes that is no silence."""
_LONG_SECONDS = 0.5


def _server_lane(records: tuple[ServerRecord, ...]) -> Iterator[Line]:
    for is_write, group in groupby(records, key=_is_write):
        if is_write:
            writes = [one for one in group if isinstance(one, Sent)]
            yield from [_sent(writes)] if writes else []
        else:
            yield from map(server_line, group)


def _is_write(record: ServerRecord) -> bool:
    return isinstance(record, Sent) or (isinstance(record, Waited) and record.seconds <= _BREATH_SECONDS)


def _network_lane(records: tuple[NetworkRecord, ...]) -> Iterator[Line]:
    for connection, group in groupby(records, key=lambda one: one.connection if isinstance(one, Carried) else 0):
        if connection:
            pieces = [one for one in group if isinstance(one, Carried)]
            size = sum(len(one.data) for one in pieces)
            what = f"passed {size} bytes to the client on connection {connection}"
            yield Line(t=pieces[0].at, side="network", what=what)
        else:
            yield from map(network_line, group)


def network_line(record: NetworkRecord) -> Line:
    """What happened in the network, in words."""
    t = record.at
    match record:
        case Started():
            return Line(t=t, side="network", what="is up")
        case Stopped():
            return Line(t=t, side="fault", what="down: the network closes its connections and refuses new ones")
        case ToxicAdded(toxic=toxic):
            return Line(t=t, side="network", what=f"toxic {toxic} comes")
        case ToxicUpdated(toxic=toxic):
            return Line(t=t, side="network", what=f"toxic {toxic} has other settings")
        case ToxicRemoved(toxic=toxic):
            return Line(t=t, side="network", what=f"toxic {toxic} goes")
        case Opened(connection=number):
            return Line(t=t, side="network", what=f"connection {number} opens")
        case Unreachable(connection=number, why=why):
            return Line(t=t, side="network", what=f"connection {number} finds no server: {plain(why)}")
        case ToxicStruck(connection=number, toxic=toxic, passed=passed, note=note):
            noted = f" ({note})" if note else ""
            what = f"{toxic}{noted} strikes on connection {number} after {passed} bytes"
            return Line(t=t, side="fault", what=what)
        case Carried(connection=number, data=data):
            return Line(t=t, side="network", what=f"passed {len(data)} bytes to the client on connection {number}")
        case Left(connection=number, side=side):
            return Line(t=t, side="network", what=f"the {side} has closed connection {number}")
        case Closed(connection=number, how=how):
            return Line(t=t, side="network", what=f"connection {number} over: {_CLOSES[how]}", detail=_traffic(record))
        case Counted(attempt=attempt):
            what = f"counted when request {attempt} had come" if attempt else "counted at the end"
            return Line(t=t, side="network", what=what, detail=_traffic(record))
        case NetworkFailed(why=why):
            return Line(t=t, side="network", what=f"failed: {plain(why, 300)}")
        case _:
            assert_never(record)


def _traffic(record: Closed | Counted) -> str:
    return (
        f"up: {record.upstream_received} bytes in, {record.upstream_sent} out; "
        f"down: {record.downstream_received} in, {record.downstream_sent} out"
    )


_CLOSES = {
    "client": "the client closed it",
    "server": "the server closed it",
    "toxic": "closed by a toxic",
    "reset": "reset by a toxic",
    "stopped": "the network went down",
    ABANDONED: "still open when the harness took the network away",
}


def receiver_line(record: ReceiverRecord) -> Line:
    """What the receiver saw, in words."""
    match record:
        case Called():
            what = f"call {record.number}: {plain(record.method, 60)}{_about(record)}: {_answer(record)}"
            return Line(t=record.t, side="receiver", what=what, detail=_short(record.text))
        case Showed(messages=messages):
            what = f"shows {len(messages)} message{'s' * (len(messages) != 1)} in the end"
            return Line(t=record.t, side="receiver", what=what, detail=" ¦ ".join(_short(one) for one in messages))
        case _:
            assert_never(record)


def _about(call: Called) -> str:
    return f" of {plain(call.about, 60)}" if call.about else ""


def _answer(call: Called) -> str:
    said = "no answer" if call.status is None else f"{call.status}{f' {plain(call.error, 60)}' if call.error else ''}"
    wait = f", wait {call.retry_after:g} s" if call.retry_after is not None else ""
    effect = ", took effect all the same" if call.took_effect and not call.is_acknowledged else ""
    planned = f" (fault: {call.fault})" if call.fault else " (inside a penalty)" if call.in_penalty else ""
    return f"{said}{wait}{effect}{planned}"


def _client_lane(records: tuple[ClientRecord, ...]) -> Iterator[Line]:
    for is_text, group in groupby(records, key=lambda one: isinstance(one, Shown)):
        if is_text:
            yield _shown([one for one in group if isinstance(one, Shown)])
        else:
            yield from map(client_line, group)


def _sent(writes: list[Sent]) -> Line:
    events = [plain(one.event) for one in writes if one.event]
    named = f", events {events[0]} … {events[-1]}" if len(events) > 1 else f", event {events[0]}" if events else ""
    tail = b"".join(one.data[-200:] for one in writes[-3:])[-200:]
    what = f"sent {sum(one.size for one in writes)} bytes in {len(writes)} write{'s' * (len(writes) > 1)}{named}"
    return Line(
        t=writes[0].t, side="server", what=what + _within(writes[-1].t - writes[0].t), detail="…" + plain_bytes(tail)
    )


def _shown(pieces: list[Shown]) -> Line:
    text = "".join(one.text for one in pieces)
    what = f"showed {len(text)} characters{_within(pieces[-1].t - pieces[0].t)}"
    return Line(t=pieces[0].t, side="client", what=what, detail=_short(text))


def _within(seconds: float) -> str:
    return f", in {seconds:.1f} s" if seconds >= _LONG_SECONDS else ""


def _short(text: str) -> str:
    return plain(text if len(text) <= 240 else f"{text[:120]} … {text[-110:]}")


def server_line(record: ServerRecord) -> Line:
    """What the server did or saw, in words."""
    match record:
        case Requested():
            mode = "streaming" if record.streams else "not streaming"
            return Line(t=record.t, side="server", what=f"request {record.attempt}: {plain(record.method)} {mode}")
        case Replied():
            faults = f", faults: {', '.join(record.faults)}" if record.faults else ""
            problem = f" ({plain(record.problem)})" if record.problem else ""
            return Line(
                t=record.t, side="server", what=f"reply {record.attempt}: status {record.status}{faults}{problem}"
            )
        case Struck():
            note = f" ({plain(record.note)})" if record.note else ""
            return Line(t=record.t, side="fault", what=f"{record.fault}{note} strikes after {record.total} bytes")
        case Waited():
            return Line(t=record.t, side="server", what=f"was silent for {record.seconds:g} s")
        case Ended():
            return Line(
                t=record.t,
                side="server",
                what=f"reply {record.attempt} over: {_ENDS[record.how]}, {record.total} bytes",
            )
        case Sent():
            return _sent([record])


_ENDS = {
    "end": "clean end",
    "close": "FIN",
    "reset": "RST",
    "peer_closed": "the client closed the connection",
    "abandoned": "stopped by the harness, the client had not closed it",
}


def client_line(record: ClientRecord) -> Line:
    """What the client did, in words."""
    match record:
        case Shown():
            return _shown([record])
        case Cleared():
            return Line(t=record.t, side="client", what="told its user that the answer starts over")
        case Noticed():
            return Line(t=record.t, side="client", what=plain(record.what, 200))
        case ToolRan():
            return Line(t=record.t, side="client", what=f"ran the tool {plain(f'{record.name}({record.input})', 200)}")
        case Finished():
            return Line(t=record.t, side="client", what=f"ended: {record.outcome}", detail=_result(record))
        case Cancelled():
            return Line(t=record.t, side="client", what="was cancelled by the harness, as the scenario asks")
        case TimedOut():
            return Line(t=record.t, side="client", what="had not ended in time and was stopped")
        case AdapterFailed():
            return Line(t=record.t, side="client", what=f"adapter failed: {plain(record.why, 300)}")


def _result(record: Finished) -> str:
    parts = [f"stop_reason {record.stop_reason}"] if record.stop_reason else []
    parts += [f"tool {call.name}({call.input})" for call in record.tools]
    for error in (record.error, record.undelivered):
        if error is not None:
            parts.append(f"{error.name}: {error.message}")
    return plain("; ".join(parts), 400)
