"""An answer that another server gave, said again byte for byte.

A recorded answer does not know what it would have said to another request. To one that asks for no stream, or to go on
with what was said, a whole answer is told again in the words of the dialect; a broken one is only repeated, and what it
should have said then (the rest, of which nobody knows) is said to be so, so that nobody is blamed for the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from fake_server.answer import Answer
from fake_server.blocks import text_block
from fake_server.continuing import interrupted
from fake_server.effects import Close, Effect, End, Last, Reset, Seconds, Send, Wait
from fake_server.fault import Fault
from fake_server.frames import event_of
from fake_server.script import Reply, Request
from fake_server.speech import speech_of
from fake_server.wire import Chunked, Framing, Head

Ending = Literal["end", "close", "reset"]
_ENDINGS: dict[str, Last] = {"end": End(), "close": Close(), "reset": Reset()}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a body that are written at once: an event, where there are events.

    Raises:
        ValueError: ``text`` stands for no bytes.
    """

    text: str
    """The bytes as UTF-8; a byte that is none is the surrogate that PEP 383 has for it."""
    after: Seconds = 0.0
    """Silence before it."""

    def __post_init__(self) -> None:
        try:
            self.text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise ValueError(f"{error.object[error.start]!r} stands for no byte") from None

    @property
    def data(self) -> bytes:
        """The bytes themselves."""
        return self.text.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A recorded answer: the status, headers and bytes of one reply, and how it ended."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    """Without those that belong to a connection and not to the answer."""
    framing: Framing = field(default_factory=Chunked)
    pieces: tuple[Piece, ...] = ()
    ends: Ending = "end"
    says: str | None = None
    """The text in it before its faults; None where there is none."""
    stop_reason: str | None = None
    """Of a whole answer; None when it broke off, or is none."""
    faults: tuple[Fault, ...] = ()

    def texts(self, seed: str) -> tuple[str, ...]:
        return (self.says,) if self.says else ()

    def reply(self, request: Request) -> Reply:
        text, place = interrupted(
            speech_of(request.dialect).conversation(request.body), (*self.texts(request.seed), *request.told)
        )
        if self.stop_reason is not None and (place or (self._is_stream and not request.streams)):
            return self._told_again().reply(request)
        head = Head(status=self.status, headers=self.headers, framing=self.framing)
        says = text[place:] if place else self.says
        return Reply(head=head, body=tuple(self._body()), faults=self.faults, says=says)

    @property
    def _is_stream(self) -> bool:
        return (Head(headers=self.headers).header("content-type") or "").lower().startswith("text/event-stream")

    def _told_again(self) -> Answer:
        blocks = (text_block(self.says),) if self.says else ()
        reason = "end_turn" if self.stop_reason == "tool_use" else self.stop_reason
        return Answer(blocks=blocks, stop_reason=reason)

    def _body(self) -> Iterator[Effect]:
        for piece in self.pieces:
            if piece.after:
                yield Wait(piece.after)
            yield Send(piece.data, event_of(piece.data) if self._is_stream else None)
        yield _ENDINGS[self.ends]
