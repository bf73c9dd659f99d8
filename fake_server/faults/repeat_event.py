"""An event that is sent more than once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fake_server.bounds import Between, Usually
from fake_server.effects import Effect, Send
from fake_server.fault import EventFault


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatEvent(EventFault):
    """The event is sent ``times`` more times."""

    times: Annotated[int, Between(1, 1000), Usually(1, 50)] = 1

    def rewrite(self, event: Send, rest: Iterator[Effect], chance: Random) -> Iterator[Effect]:
        yield from [event] * (self.times + 1)
