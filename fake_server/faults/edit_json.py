"""Fields of an event missing, added or changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Annotated, Any

from fake_server.bounds import Examples
from fake_server.effects import Effect, Send
from fake_server.fault import EventFault
from fake_server.wire import json_text

_FIELDS = (
    *("type", "index", "delta", "delta.type", "delta.text", "delta.partial_json", "delta.stop_reason", "usage"),
    *("content_block", "content_block.type", "content_block.id", "message", "message.id", "message.usage"),
)
_PLACES = ("novelty", "index", "type", "delta.novelty", "delta.type", "message.novelty", "message.usage", "usage")


@dataclass(frozen=True, slots=True, kw_only=True)
class EditJson(EventFault):
    """Change fields of the event's JSON: ``remove`` and ``put`` use dotted paths such as ``message.usage``.

    An event that lacks one of the paths passes as it is.
    """

    remove: tuple[Annotated[str, Examples(_FIELDS)], ...] = ()
    put: tuple[tuple[Annotated[str, Examples(_PLACES)], Any], ...] = ()

    def fits(self, event: Send) -> bool:
        try:
            return bool(self._edited(event.data))
        except (KeyError, ValueError):
            return False

    def rewrite(self, event: Send, rest: Iterator[Effect], chance: Random) -> Iterator[Effect]:
        yield replace(event, data=self._edited(event.data))

    def _edited(self, event: bytes) -> bytes:
        start = event.index(b"data: ") + 6
        data = json.loads(event[start:])
        for path in self.remove:
            _owner(data, path).pop(path.rpartition(".")[2])
        for path, value in self.put:
            _owner(data, path)[path.rpartition(".")[2]] = value
        return event[:start] + json_text(data).encode() + b"\n\n"


def _owner(data: Any, path: str) -> dict[str, Any]:
    """The object that has the last name of ``path``, or may get it."""
    for key in path.split(".")[:-1]:
        data = data[key] if isinstance(data, dict) else None
    if not isinstance(data, dict):
        raise KeyError(path)
    return data
