"""Our server in a process of its own, for who measures it: one script for each way to stream.

Prints its port. The token in the path is the name of a script, with ``~`` and anything behind it to begin anew.
Its records are made and counted, and not kept: what a harness does with them is not the server's.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from fake_server.answer import Answer
from fake_server.app import Case, FakeServer
from fake_server.effects import Effect
from fake_server.fault import Fault
from fake_server.faults.stall_forever import StallForever
from fake_server.position import AtEvent
from fake_server.record import ServerRecord
from fake_server.script import Step, script
from harness.lateness import calm_collector
from harness.serve import told_to_stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart(Fault):
    """Changes nothing. But nothing shares a write behind the mark of a fault."""

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        yield self.mark()
        yield from effects


SENTENCES = 97
"""Of a story of 200 events."""
ANSWER = Answer(sentences=SENTENCES)
SCRIPTS: dict[str, Step] = {
    "shared": ANSWER,
    "apart": ANSWER.but(Apart()),
    "paced": Answer(sentences=SENTENCES, pace=0.05),
    "paced_slowly": Answer(sentences=20, pace=0.25),
    "paced_briefly": Answer(sentences=2, pace=0.05),
    "idle": ANSWER.but(StallForever(at=AtEvent("content_block_delta"))),
}


class Counted:
    """Records that were made."""

    number = 0

    def take(self, _: ServerRecord) -> None:
        self.number += 1


async def main() -> None:
    scripts, counted = {name: script(step) for name, step in SCRIPTS.items()}, Counted()

    def resolve(token: str) -> Case | None:
        found = scripts.get(token.partition("~")[0])
        return None if found is None else Case(script=found, seed="bench", sink=counted.take)

    async with FakeServer(resolve=resolve) as server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        await told_to_stop()


if __name__ == "__main__":
    calm_collector()  # as `streamproof serve` does
    asyncio.run(main())
