"""Both sides of a case as lines for people: what went over the wire, what struck, what the user saw. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from fake_server.record import Ended, Replied, Requested, Sent, ServerRecord, Struck, Waited
from harness.history import Record
from harness.model import AdapterFailed, Cancelled, Cleared, ClientRecord, Finished, Noticed, Shown, TimedOut
from harness.plain import plain, plain_bytes

Side = Literal["server", "client", "fault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a timeline; ``t`` is seconds since the case began."""

    t: float
    side: Side
    what: str
    detail: str = ""
    """Bytes or text, made printable."""


def timeline(record: Record) -> list[Line]:
    """Both lanes in order of time; neighbouring writes and pieces of text are one line."""
    return sorted([*_server_lane(record.server), *_client_lane(record.client)], key=lambda line: line.t)


def _server_lane(records: tuple[ServerRecord, ...]) -> Iterator[Line]:
    for is_write, group in groupby(records, key=lambda one: isinstance(one, Sent)):
        if is_write:
            yield _sent([one for one in group if isinstance(one, Sent)])
        else:
            yield from map(server_line, group)


def _client_lane(records: tuple[ClientRecord, ...]) -> Iterator[Line]:
    for is_text, group in groupby(records, key=lambda one: isinstance(one, Shown)):
        if is_text:
            yield _shown([one for one in group if isinstance(one, Shown)])
        else:
            yield from map(_client_line, group)


def _sent(writes: list[Sent]) -> Line:
    events = [one.event for one in writes if one.event]
    named = f", events {events[0]} … {events[-1]}" if len(events) > 1 else f", event {events[0]}" if events else ""
    tail = b"".join(one.data[-200:] for one in writes[-3:])[-200:]
    what = f"sent {sum(one.size for one in writes)} bytes in {len(writes)} write{'s' * (len(writes) > 1)}{named}"
    return Line(t=writes[0].t, side="server", what=what, detail="…" + plain_bytes(tail))


def _shown(pieces: list[Shown]) -> Line:
    text = "".join(one.text for one in pieces)
    short = text if len(text) <= 240 else f"{text[:120]} … {text[-110:]}"
    return Line(t=pieces[0].t, side="client", what=f"showed {len(text)} characters", detail=plain(short))


def server_line(record: ServerRecord) -> Line:
    """What the server did or saw, in words."""
    match record:
        case Requested():
            mode = "streaming" if record.streams else "not streaming"
            return Line(t=record.t, side="server", what=f"request {record.attempt}: {record.method} {mode}")
        case Replied():
            faults = f", faults: {', '.join(record.faults)}" if record.faults else ""
            problem = f" ({record.problem})" if record.problem else ""
            return Line(
                t=record.t, side="server", what=f"reply {record.attempt}: status {record.status}{faults}{problem}"
            )
        case Struck():
            note = f" ({record.note})" if record.note else ""
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


def _client_line(record: ClientRecord) -> Line:
    match record:
        case Shown():
            return _shown([record])
        case Cleared():
            return Line(t=record.t, side="client", what="told its user that the answer starts over")
        case Noticed():
            return Line(t=record.t, side="client", what=plain(record.what, 200))
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
    if record.error is not None:
        parts.append(f"{record.error.name}: {record.error.message}")
    return plain("; ".join(parts), 400)
