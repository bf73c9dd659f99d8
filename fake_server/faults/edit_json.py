"""Fields of an event missing, added or changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from fake_server.effects import Effect, Send
from fake_server.fault import EventFault
from fake_server.wire import json_text


@dataclass(frozen=True, slots=True, kw_only=True)
class EditJson(EventFault):
    """Change fields of the event's JSON: ``remove`` and ``put`` use dotted paths such as ``message.usage``."""

    remove: tuple[str, ...] = ()
    put: tuple[tuple[str, Any], ...] = ()

    def rewrite(self, event: Send, rest: Iterator[Effect], chance: Random) -> Iterator[Effect]:
        start = event.data.index(b"data: ") + 6
        data = json.loads(event.data[start:])
        for path in self.remove:
            _owner(data, path).pop(path.rpartition(".")[2])
        for path, value in self.put:
            _owner(data, path)[path.rpartition(".")[2]] = value
        yield replace(event, data=event.data[:start] + json_text(data).encode() + b"\n\n")


def _owner(data: dict[str, Any], path: str) -> dict[str, Any]:
    for key in path.split(".")[:-1]:
        data = data[key]
    return data
