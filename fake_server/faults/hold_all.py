"""A proxy that buffers: nothing for a while, then everything at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Between
from fake_server.effects import Effect, Send, Wait
from fake_server.fault import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldAll(Fault):
    """Hold the whole body back for ``seconds``, then send it in blocks of ``block`` bytes: a buffering proxy."""

    seconds: Annotated[float, Between(0, 3600)]
    block: Annotated[int, Between(1, 1 << 24)] = 4096

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        held = list(effects)
        data = b"".join(effect.data for effect in held if isinstance(effect, Send))
        yield self.mark(f"{self.seconds:g} s")
        yield Wait(self.seconds)
        yield from (Send(data[i : i + self.block]) for i in range(0, len(data), self.block))
        yield from (effect for effect in held if not isinstance(effect, Send | Wait))
