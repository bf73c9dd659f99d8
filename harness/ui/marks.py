"""What happens in a case as marks on three lanes: what the server says, what the wire delivers, what the user sees.

With a network between them the wire's bytes are those that came out on the client's side; without one they are those
that the server wrote. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias, assert_never

from fake_server.record import Ended, Replied, Requested, Sent, ServerRecord, Struck, Waited
from harness.model import AdapterFailed, Cancelled, Cleared, ClientRecord, Finished, Outcome, Shown, TimedOut
from harness.network import NetworkFailed, NetworkRecord
from harness.plain import plain
from harness.timeline import Line, client_line, network_line, server_line
from harness.toxiproxy.events import (
    Carried,
    Closed,
    Left,
    Started,
    Stopped,
    ToxicAdded,
    ToxicRemoved,
    ToxicUpdated,
    Unreachable,
)
from harness.toxiproxy.events import Struck as ToxicStruck
from harness.ui.hand import BY_HAND, name_of

Mark: TypeAlias = dict[str, Any]
"""``lane``, ``kind``, ``t`` in seconds, ``label`` and ``detail`` for people; see lanes.js for the kinds."""

LANES = {"server": "Server says", "wire": "Wire delivers", "client": "User sees"}
"""By their ids, from the cause to the effect."""
_BREATH_SECONDS = 0.1
"""A pause between two writes that is no silence."""
_MOST = 200
"""Characters of a label."""
_GENTLE = frozenset({name_of("latency"), name_of("bandwidth")})
"""Toxics that lose nothing: their work is noted, and is no strike."""
_GOOD = (Outcome.COMPLETE, Outcome.TRUNCATED, Outcome.REFUSED, Outcome.PAUSED)


def of_server(record: ServerRecord, *, is_wire: bool) -> Iterator[Mark]:
    """The marks of what the server did or saw.

    Args:
        is_wire: whether nothing lies between it and the client, so that what it writes is what is delivered.
    """
    line, t = server_line(record), record.t
    match record:
        case Requested():
            yield _mark("server", "request", t, f"request {record.attempt}", line.what)
        case Replied():
            yield _mark("server", "bad" if record.status >= 400 else "note", t, f"status {record.status}", line.what)
        case Struck():
            yield _mark("server", "fault", t, f"{record.fault} ({record.note})" if record.note else record.fault)
        case Waited():
            if record.seconds > _BREATH_SECONDS:
                silent = _mark("server", "wait", t - record.seconds, line.what)
                yield {**silent, "end": round(t, 4)}
        case Sent():
            if record.event is not None:
                yield _mark("server", "event", t, record.event)
            if is_wire:
                yield {**_mark("wire", "bytes", t, ""), "size": record.size}
        case Ended():
            yield _mark("server", "note", t, line.what)
        case _:
            assert_never(record)


def of_network(record: NetworkRecord) -> Iterator[Mark]:
    """The marks of what happened between them."""
    t = record.at
    match record:
        case Carried():
            if record.stream == "downstream":
                yield {**_mark("wire", "bytes", t, ""), "size": len(record.data)}
        case ToxicStruck():
            kind = "note" if record.toxic in _GENTLE else "fault"
            yield _mark("wire", kind, t, _struck(record), network_line(record).what)
        case Stopped():
            yield _mark("wire", "fault", t, "the network is down")
        case NetworkFailed() | Unreachable():
            yield _mark("wire", "bad", t, network_line(record).what)
        case Closed():
            is_bad = record.how in ("toxic", "reset", "stopped")
            said = f"connection {record.connection} {'reset' if record.how == 'reset' else 'closed'}"
            yield _mark("wire", "bad" if is_bad else "note", t, said, network_line(record).what)
        case ToxicAdded() | ToxicUpdated() | ToxicRemoved():
            if not record.toxic.endswith(BY_HAND):  # the hand says itself what it did, with its settings
                yield _mark("wire", "note", t, network_line(record).what)
        case Left() | Started():
            pass
        case _:
            yield _mark("wire", "note", t, network_line(record).what)


def _struck(record: ToxicStruck) -> str:
    return f"{record.toxic.replace('_', ' ')}{f' ({record.note})' if record.note else ''}"


def of_hand(said: str, t: float) -> Mark:
    """The mark of what a person did to the network."""
    return {**_mark("wire", "note", t, said, f"by hand: {said}"), "hand": True}


def of_client(record: ClientRecord) -> Iterator[Mark]:
    """The marks of what the user saw; what is added to the text on display is in ``text``, as it came."""
    line, t = client_line(record), record.t
    match record:
        case Shown():
            if record.text:
                yield {**_mark("client", "text", t, record.text), "text": record.text}
        case Cleared():
            yield {**_mark("client", "note", t, line.what), "clears": True}
        case Finished():
            yield _mark("client", "good" if record.outcome in _GOOD else "bad", t, line.what, _ended(line))
        case TimedOut() | AdapterFailed():
            yield _mark("client", "bad", t, line.what)
        case Cancelled():
            yield _mark("client", "note", t, "stopped")
        case _:
            yield _mark("client", "note", t, line.what)


def _ended(line: Line) -> str:
    return f"{line.what}; {line.detail}" if line.detail else line.what


def _mark(lane: str, kind: str, t: float, label: str, detail: str = "") -> Mark:
    said = {"detail": plain(detail, _MOST)} if detail and detail != label else {}
    return {"lane": lane, "kind": kind, "t": round(t, 4), "label": plain(label, _MOST), **said}
