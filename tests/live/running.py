"""Runs cases on real sockets for tests, and starts ``streamproof serve`` for clients that know nothing of us."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import catalog, engine
from harness.events import CaseFinished
from harness.history import Case
from harness.law import too_late
from harness.plan import plan
from harness.verdict import Verdict

STREAMPROOF = Path(sys.executable).with_name("streamproof")


def run(*clients: str, select: str = "", seed: str = "1", toxiproxy: str = "") -> dict[str, CaseFinished]:
    """Every selected scenario against these clients; results by ``scenario@client``.

    What failed while this machine came late is run once more, with less beside it; a run does so itself with what
    proved nothing.
    """
    results = _run(clients, select, seed, toxiproxy)
    again = {one.scenario for one in results.values() if is_red_and_late(one)}
    return results | _run(clients, " or ".join(sorted(again)), seed, toxiproxy) if again else results


def _run(clients: Iterable[str], select: str, seed: str, toxiproxy: str) -> dict[str, CaseFinished]:
    async def consume() -> dict[str, CaseFinished]:
        adapters = [catalog.adapter(one) for one in clients]
        planned = plan(catalog.scenarios(), adapters, seed=seed, select=select, toxiproxy=toxiproxy)
        events = engine.run(planned, catalog.laws())
        return {f"{e.scenario}@{e.client}": e async for e in events if isinstance(e, CaseFinished)}

    return asyncio.run(consume())


def is_red_and_late(result: CaseFinished) -> bool:
    return result.verdict is Verdict.FAIL and is_late(result)


def is_late(result: CaseFinished, tolerated: float = 0.3) -> bool:
    """Whether this machine came so late, in seconds, that the case may have ended otherwise for that."""
    return result.record is not None and bool(too_late(Case(result.record), tolerated))


@contextmanager
def served(seed: str = "1") -> Iterator[str]:
    """``streamproof serve`` in a process of its own; yields the base URL up to the scenario's id."""
    command = [str(STREAMPROOF), "serve", "--seed", seed]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            match = next(found for line in process.stdout if (found := re.search(r"http://\S+/case", line)))
            yield match[0]
        finally:
            process.terminate()
            process.communicate(timeout=10)
