"""The same bytes in one piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from fake_server.effects import Effect, Send
from fake_server.fault import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeAll(Fault):
    """The whole body in one write: thousands of events in one read."""

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        yield self.mark()
        held = list(effects)
        yield Send(b"".join(effect.data for effect in held if isinstance(effect, Send)))
        yield from (effect for effect in held if not isinstance(effect, Send))
