"""Runs a plan for a command: reports are opened, fed and closed, and the end becomes an exit status."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from harness import catalog, engine
from harness.errors import UsageError
from harness.events import RunFinished
from harness.options import FAILED, UNKNOWN
from harness.plan import Plan
from harness.reporter import Reporter
from harness.verdict import Verdict

HISTORY = "reports/out/history.jsonl"


def files_of(wanted: Iterable[str]) -> Iterator[Path]:
    """The files that these reports go to, in their order; the console has none unless it names one."""
    for one in wanted:
        name, _, path = one.partition("=")
        if name != "console" or path:
            yield Path(path or (HISTORY if name == "jsonl" else f"reports/out/report.{catalog.reporter(name).suffix}"))


@contextmanager
def opened_reporters(wanted: Iterable[str]) -> Iterator[list[Reporter]]:
    """Open every wanted report, ``NAME`` or ``NAME=PATH``; the files are closed at the end, whatever happens."""
    made = [(one, catalog.reporter(one.partition("=")[0])) for one in wanted]
    with ExitStack() as stack:
        reporters: list[Reporter] = []
        for one, make in made:
            path = next(files_of([one]), None)
            reporters.append(make(stack.enter_context(opened(path)) if path is not None else sys.stdout))
        yield reporters


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The file at ``path``, to be written; its folder is made.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        out = path.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    with out:
        yield out


def execute(planned: Plan, reporters: Iterable[Reporter]) -> RunFinished:
    """Run the plan, feeding every reporter; Ctrl-C ends it early and in order."""
    reporters = list(reporters)

    async def consume() -> RunFinished:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
        end = RunFinished(counts={})
        async for event in engine.run(planned, catalog.laws(), stop=stop):
            for reporter in reporters:
                reporter.take(event)
            end = event if isinstance(event, RunFinished) else end
        return end

    return asyncio.run(consume())


def status_of(end: RunFinished, gate: tuple[str, ...]) -> int:
    """The exit status of a run in which only the clients of ``gate`` count."""
    counts = [end.counts.get(name, {}) for name in gate]
    if any(one.get(Verdict.FAIL) for one in counts):
        return FAILED
    return UNKNOWN if end.interrupted or any(one.get(Verdict.UNKNOWN) for one in counts) else 0
