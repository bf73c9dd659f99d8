"""``streamproof fuzz``: a campaign with a live display; what it finds is shrunk, confirmed on sockets and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness import catalog
from harness.campaign import Campaign, Tally, distinct, explored_by, shrunk_by
from harness.confirm import confirm
from harness.errors import UsageError
from harness.findings import FOLDER, Hunted, made, tell
from harness.fuzz import Failure, Shard
from harness.interrupts import end_at_once, interrupts
from harness.known import Known, opened
from harness.plain import plain
from harness.progress import Journal, journal_of
from harness.searched import Searched, Watcher
from harness.sim import runner
from harness.workers import Workers, cluster, processes

_ROWS, _HARM_CHARS = 20, 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a user asks of a campaign."""

    campaign: Campaign
    minutes: float | None = None
    """How long to look."""
    jobs: int = 1
    dask: str = ""
    """Address of a Dask scheduler whose workers run the shards."""
    database: str = ""
    """Folder or Redis with the failures that were found before; none when empty."""
    fresh: bool = False
    """Begin anew, whatever was done before."""
    record: Path = field(default_factory=lambda: catalog.RECORDED)


@end_at_once()
def hunt(options: Options, console: Console, watchers: Sequence[Watcher] = ()) -> Hunted:
    """Run a campaign and print what it finds.

    Ctrl-C ends the search, and what was found is still shrunk; from then on Ctrl-C ends everything.

    Args:
        watchers: are told of each part, also of those that were done before, and of each proof.

    Raises:
        UsageError: the client cannot be simulated, nothing can be written, or the cluster or the database cannot be
            reached.
    """
    campaign = options.campaign
    adapter = catalog.adapter(campaign.client)
    if why := runner.cannot_search(adapter):
        raise UsageError(why)
    made(options.record)
    journal = journal_of(campaign, adapter.name, made(FOLDER))
    if options.fresh:
        journal.clear()
    shared = Known(opened(options.database), campaign.client, adapter) if options.database else None
    with interrupts() as stopped:
        known = shared.failures() if shared is not None else []
        tally = _explored(options, journal, console, stopped, watchers)
        is_interrupted = stopped()
    console.print(summary(tally))
    with interrupts(bears=0) as stopped:
        simplest = _simplest(options, known, tally, console, stopped)
    confirmed = [confirm(one, adapter) for one in simplest]
    end = Hunted(is_interrupted=is_interrupted)
    for one in confirmed:
        _tell_all(watchers, one)
        tell(one, adapter, campaign.client, options.record, console)
        end.add(one)
    if shared is not None:
        shared.add(one.failure for one in confirmed if not one.doubt)
    if not is_interrupted:
        journal.clear()
    return end


# ---- the search


def _explored(
    options: Options, journal: Journal, console: Console, stopped: Callable[[], bool], watchers: Sequence[Watcher]
) -> Tally:
    """What all shards found: those that were done before, and the others."""
    tally, began = Tally(), time.monotonic()
    done = journal.read()
    for shard, explored in done.items():
        if options.campaign.has(shard):
            tally.add(explored)
            _tell_all(watchers, explored)
    before = tally.cases
    left: Iterator[Shard] = (shard for shard in options.campaign.shards() if shard not in done)

    def stop() -> bool:
        return stopped() or (options.minutes is not None and time.monotonic() - began > 60 * options.minutes)

    with _workers(options) as workers, Live(console=console, refresh_per_second=4, transient=True) as live:
        live.console.print(Text(f"seed {plain(options.campaign.seed)}; Ctrl-C ends the search"))
        for explored in explored_by(workers, left, stop=stop):
            journal.add(explored)
            tally.add(explored)
            _tell_all(watchers, explored)
            speed = (tally.cases - before) / (time.monotonic() - began)
            live.update(_progress(options.campaign, tally, speed))
    return tally


def _simplest(
    options: Options, known: list[Failure], tally: Tally, console: Console, stopped: Callable[[], bool]
) -> list[Failure]:
    """Every failure in its simplest case, each case once; what was known is that already."""
    codes = {one.code for one in known}
    new = [failure for code, failure in tally.failures.items() if code not in codes]
    if not new:
        return known
    with _workers(options) as workers, console.status("shrinking what was found; Ctrl-C ends everything"):
        return list(distinct([*known, *shrunk_by(workers, new, stop=stopped)]))


def _tell_all(watchers: Sequence[Watcher], what: Searched) -> None:
    for watcher in watchers:
        watcher(what)


def _workers(options: Options) -> AbstractContextManager[Workers]:
    return cluster(options.dask) if options.dask else processes(options.jobs)


# ---- the display


def _progress(campaign: Campaign, tally: Tally, speed: float) -> RenderableType:
    goal = f" of {campaign.examples}" if campaign.examples is not None else ""
    head = Text(
        f"{tally.cases}{goal} cases, {speed:.0f} cases/s, {len(tally.failures)} distinct failures, "
        f"{len(tally.coverage)} pairs of fault and state"
    )
    return Group(head, _table(tally))


def _table(tally: Tally) -> Table:
    table = Table(box=None, show_header=False)
    for code, times in tally.times.most_common(_ROWS):
        harm = plain(tally.failures[code].harm, _HARM_CHARS)
        table.add_row(Text(plain(code)), str(times), Text(harm))
    return table


def summary(tally: Tally) -> RenderableType:
    """What a campaign found, before it is shrunk."""
    faults = {fault for fault, _ in tally.coverage}
    head = Text(
        f"{tally.cases} cases; {len(faults)} kinds of fault struck, in {len(tally.coverage)} pairs of fault and state; "
        f"{len(tally.failures)} distinct failures"
    )
    return Group(head, _table(tally)) if tally.failures else head
