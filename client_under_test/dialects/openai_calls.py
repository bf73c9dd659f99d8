"""Puts tool calls together from pieces that do not always say where they belong.

By the reference each piece has the ``index`` of its call, and the first one has ``id`` and ``name``. Servers leave the
index or the id out, give every call the index 0, begin with 1, or change the index on the way (apache/maka#1976, #1995;
agno-agi/agno#8880; pipecat-ai/pipecat#4987; openai/openai-python#2806; continuedev/continue#13235).

Rules:

1. A piece belongs to the call with its id; else, when it has a name, it begins a call; else it belongs to the latest
   call with its index; else to the only call whose input is not whole.
2. A name without an id that is there already at this index repeats it while the input is not whole, and begins another
   call after that.
3. Where two homes are possible, or none, that is a protocol error: no two calls are glued together, none is invented.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from client_under_test.errors import LimitExceeded, ProtocolError

MOST_CALLS = 256
"""In one turn: each piece is looked for among all calls, so their number bounds the work."""
_MARKS = re.compile(r'[{}\[\]"]|\\.?', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of a call; what it does not say is empty."""

    id: str = ""
    index: int | None = None
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class Call:
    """One call as far as it has come."""

    id: str = ""
    name: str = ""
    indexes: set[int] = field(default_factory=set)
    begun: bool = False
    """Whether anything of the input came."""
    _pieces: list[str] = field(default_factory=list)
    _depth: int = 0
    _in_string: bool = False
    _is_escaped: bool = False

    @property
    def arguments(self) -> str:
        """The input as far as it came."""
        return "".join(self._pieces)

    @property
    def is_whole(self) -> bool:
        """Whether the input has closed what it opened: one JSON object takes no more."""
        return self.begun and self._depth <= 0 and not self._in_string

    def take(self, piece: Piece) -> None:
        """Add a piece.

        Raises:
            ProtocolError: the input is whole, and the piece has more of it.
        """
        self.id, self.name = self.id or piece.id, self.name or piece.name
        if piece.index is not None:
            self.indexes.add(piece.index)
        if not self.is_whole:
            self._add(piece.arguments)
        elif piece.arguments.strip() and not (piece.name and piece.arguments == self.arguments):  # else: said again
            raise ProtocolError(f"more input for the tool call {self.id or self.name!r}, whose input is whole")

    def _add(self, text: str) -> None:
        """Count brackets outside strings, so that the end is known without parsing again and again."""
        self._pieces.append(text)
        self.begun = self.begun or bool(text.strip())
        start = int(self._is_escaped)
        self._is_escaped = self._is_escaped and not text
        for found in _MARKS.finditer(text, start):
            mark = found[0]
            if mark[0] == "\\":
                self._is_escaped = len(mark) == 1
            elif mark == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if mark in "{[" else -1


class Calls:
    """The tool calls of one message."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def take(self, piece: Piece) -> None:
        """Take the next piece.

        Raises:
            ProtocolError: it is not certain where it belongs.
        """
        if piece.id or piece.name or piece.arguments:
            self._home(piece).take(piece)

    def all(self) -> list[Call]:
        """The calls in the order in which they began.

        Raises:
            ProtocolError: one of them never got a name.
        """
        if not all(call.name for call in self._calls):
            raise ProtocolError("a tool call without a name")
        return self._calls

    def _home(self, piece: Piece) -> Call:
        same_id = self._latest(lambda call: bool(piece.id) and call.id == piece.id)
        if same_id is not None:
            if piece.name not in ("", same_id.name) and same_id.name:
                raise ProtocolError(f"two tool calls with the id {piece.id!r}: {same_id.name!r} and {piece.name!r}")
            return same_id
        same_index = self._latest(lambda call: piece.index in call.indexes)
        if piece.name:
            return self._home_of_a_name(piece, same_index)
        return self._home_of_a_new_id(piece, same_index) if piece.id else self._home_of_input(piece, same_index)

    def _home_of_a_name(self, piece: Piece, same_index: Call | None) -> Call:
        call = same_index if piece.index is not None else next(reversed(self._calls), None)
        if call is None:
            return self._new()
        if piece.id:
            is_late = same_index is not None and not call.id and not call.begun and call.name in ("", piece.name)
            return call if is_late else self._new()
        if not call.name:
            return call  # its id came first
        if call.name != piece.name or call.is_whole:
            return self._new()
        if not call.begun:
            raise ProtocolError(f"the tool {piece.name!r} twice without an id: one call or two")
        return call

    def _home_of_a_new_id(self, piece: Piece, same_index: Call | None) -> Call:
        if same_index is None:
            return self._new()
        if same_index.id:
            raise ProtocolError(f"a piece of a tool call with the id {piece.id!r} at the index of {same_index.id!r}")
        return same_index

    def _home_of_input(self, piece: Piece, same_index: Call | None) -> Call:
        if same_index is not None:
            return same_index
        unfinished = [call for call in self._calls if not call.is_whole]
        if len(unfinished) != 1:
            raise ProtocolError(f"a piece of a tool call without id and index, and {len(unfinished)} calls want one")
        return unfinished[0]

    def _latest(self, fits: Callable[[Call], bool]) -> Call | None:
        return next((call for call in reversed(self._calls) if fits(call)), None)

    def _new(self) -> Call:
        if len(self._calls) == MOST_CALLS:
            raise LimitExceeded(f"more than {MOST_CALLS} tool calls in one turn")
        self._calls.append(Call())
        return self._calls[-1]
