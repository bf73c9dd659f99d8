"""Runs a plan for a command: reports are opened, fed and closed, and the end becomes an exit status."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, TextIO

from harness import catalog, engine
from harness.errors import UsageError
from harness.events import Event
from harness.expectations import Expectations, parse
from harness.options import FAILED, UNKNOWN
from harness.plan import Plan
from harness.reporter import Reporter, Table, Watcher
from harness.standing import Standing

HISTORY = "reports/out/history.jsonl"


def files_of(wanted: Iterable[str]) -> Iterator[Path]:
    """The files that these reports go to, in their order; none for what goes to the standard output."""
    for one in wanted:
        name, _, path = one.partition("=")
        if path := path or _usual(name):
            yield Path(path)


def _usual(name: str) -> str:
    """Where a report goes that names no path; empty for the standard output."""
    suffix = catalog.reporter(name).suffix
    return HISTORY if name == "jsonl" else suffix and f"reports/out/report.{suffix}"


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
def opened(path: Path, mode: Literal["w", "a"] = "w") -> Iterator[TextIO]:
    """The file at ``path``, to be written, or to be written on (``a``); its folder is made.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        out = path.open(mode, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    with out:
        yield out


def expected_by(path: Path) -> Expectations:
    """The known failures in a file.

    Raises:
        UsageError: it cannot be read, or holds something else.
    """
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"cannot read {path}: {reason}") from error
    return parse(text, str(path))


def execute(planned: Plan, watchers: Iterable[Watcher], expected: Expectations | None = None) -> Table:
    """Run the plan, feeding every reporter and whoever else watches; Ctrl-C ends it early and in order.

    Args:
        expected: the known failures; every case is told what was known of it.

    Returns:
        The run, to its end.

    Raises:
        ExceptionGroup: of what reporters raised, when the run is over and the other reports are made.
    """
    watchers, expected = list(watchers), expected or Expectations()
    table, broken = Table(), list[Exception]()

    async def consume() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
        async for told in engine.run(planned, catalog.laws(), stop=stop):
            event = expected.expecting(told)
            table.take(event)
            _tell(watchers, event, broken)
            if broken and not watchers:
                stop.set()

    asyncio.run(consume())
    if broken:
        raise ExceptionGroup("reports could not be made", broken)
    return table


def _tell(watchers: list[Watcher], event: Event, broken: list[Exception]) -> None:
    """Tell all of ``event``; one that breaks is told nothing more, and takes no other one with it."""
    for watcher in list(watchers):
        try:
            watcher.take(event)
        except Exception as error:  # noqa: BLE001 (raised when the others are done)
            broken.append(error)
            watchers.remove(watcher)


def status_of(table: Table, gate: tuple[str, ...]) -> int:
    """The exit status of a run in which only the clients of ``gate`` count.

    A failure that was known counts for nothing, and one that was known and passed counts as a failure. Where every case
    was skipped nothing is known of the clients, and a gate that nobody went through is not open.
    """
    stands = {case.standing for case in table.cases() if case.client in gate}
    if stands & {Standing.FAIL, Standing.FIXED}:
        return FAILED
    is_unknown = table.end.interrupted or Standing.UNKNOWN in stands or stands <= {Standing.SKIP}
    return UNKNOWN if is_unknown else 0
