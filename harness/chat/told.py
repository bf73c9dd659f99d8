"""What happens in a call, as the page is told it: names and plain values. Pure.

The page puts text where only text can be; what is told here is never markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias, assert_never

from fake_server.record import Sent, ServerRecord, Waited
from harness.chat.veil import Veil, hiding
from harness.history import Record
from harness.model import (
    AdapterFailed,
    Cancelled,
    Cleared,
    ClientRecord,
    ErrorSeen,
    Finished,
    Noticed,
    Shown,
    TimedOut,
    ToolRan,
)
from harness.plain import plain
from harness.timeline import Line, server_line, timeline

Told: TypeAlias = tuple[str, dict[str, Any]]
"""An event: its name, and what it says."""
_MOST = 400
"""Characters of a message."""
_MOST_LINES = 60
"""Of what went over the wire."""


class Teller:
    """Turns what one client's user sees into events.

    Args:
        key: never told, in whatever pieces it comes.
    """

    def __init__(self, key: str = "") -> None:
        self._veil, self._hide = Veil(key), hiding(key)

    def seen(self, record: ClientRecord) -> Iterator[Told]:
        """The events of one observation."""
        match record:
            case Shown(text=text):
                yield from _shown(self._veil.take(text))
            case Cleared():
                self._veil.rest()
                yield "cleared", {}
            case Noticed(what=what):
                yield "noticed", {"what": self._short(what)}
            case ToolRan(name=name, input=given):
                yield "noticed", {"what": self._short(f"runs {name}({given})")}
            case Finished():
                yield from _shown(self._veil.rest())
                yield "finished", self._ended(record)
            case Cancelled():
                yield from _shown(self._veil.rest())
                yield "stopped", {}
            case TimedOut():
                yield "timed_out", {}
            case AdapterFailed(why=why):
                yield "finished", {"outcome": "failed", "error": {"name": "Adapter", "message": self._short(why)}}
            case _:
                assert_never(record)

    def wire(self, record: ServerRecord) -> Iterator[Told]:
        """The events of what a server did; single writes and silences are told in :meth:`lines`."""
        if not isinstance(record, Sent | Waited):
            yield "wire", {"line": self._line(server_line(record))}

    def lines(self, record: Record) -> list[dict[str, Any]]:
        """All sides of a call that is over, line by line."""
        return [self._line(one) for one in timeline(record)[:_MOST_LINES]]

    def said(self, sentence: str) -> str:
        """A sentence about the call."""
        return self._short(sentence)

    def text(self, text: str) -> str:
        """A whole text."""
        return self._hide(text)

    def _ended(self, record: Finished) -> dict[str, Any]:
        return {
            "outcome": str(record.outcome),
            "error": None if record.error is None else self._error(record.error),
            "tools": [self._short(f"{one.name}({one.input})") for one in record.tools],
        }

    def _error(self, error: ErrorSeen) -> dict[str, str]:
        return {"name": self._short(error.name), "message": self._short(" ".join(error.message.split()))}

    def _line(self, line: Line) -> dict[str, Any]:
        return {"t": round(line.t, 2), "side": line.side, "what": self._short(line.what)}

    def _short(self, text: str) -> str:
        return plain(self._hide(text), _MOST)


def _shown(text: str) -> Iterator[Told]:
    if text:
        yield "shown", {"text": text}


def ending(seen: list[ClientRecord]) -> ClientRecord | None:
    """What was noted at the end of a call that no client says; None when the client ended it."""
    last = seen[-1] if seen else None
    return last if isinstance(last, Cancelled | TimedOut | AdapterFailed) else None
