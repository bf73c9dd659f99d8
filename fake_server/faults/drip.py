"""Slowness that is not silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Between, Usually
from fake_server.effects import Effect, Send, Wait
from fake_server.fault import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip(Fault):
    """Wait ``seconds`` before every event."""

    seconds: Annotated[float, Between(0, 3600), Usually(0, 0.2)]

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        yield self.mark(f"{self.seconds:g} s before each event")
        for effect in effects:
            if isinstance(effect, Send):
                yield Wait(self.seconds)
            yield effect
