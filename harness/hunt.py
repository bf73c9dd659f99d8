"""``streamproof fuzz``: a campaign with a live display; what it finds is shrunk, confirmed on sockets and written down."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness import catalog, recorded
from harness.adapter import Adapter
from harness.campaign import Journal, Tally, explored_by, shrunk_by, to_record
from harness.confirm import Confirmed, confirm, lasted
from harness.errors import UsageError
from harness.fuzz import SEED, Failure, Shard, shards
from harness.sim import runner

FOLDER = Path("reports/out/fuzz")
_TEST = '''"""{title}"""

from harness.confirm import replayed


def test_{slug}() -> None:
    assert replayed({path!r}, {client!r}) == ""
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a user asks of a campaign."""

    client: str
    seed: str
    examples: int | None = None
    minutes: float | None = None
    """How long to look; instead of a number of cases."""
    jobs: int = 1
    part: tuple[int, int] = (1, 1)
    """Which of so many parts of the campaign is run here."""
    dask: str = ""
    """Address of a Dask scheduler whose workers run the shards."""
    fresh: bool = False
    """Begin anew, whatever was done before."""
    record: Path = field(default_factory=lambda: catalog.RECORDED)


def hunt(options: Options, console: Console) -> int:
    """Run a campaign and print what it finds; returns the number of failures that are the client's.

    Raises:
        UsageError: the client cannot be simulated, or the cluster cannot be reached.
    """
    adapter = catalog.adapter(options.client)
    if not runner.can_simulate(adapter):
        raise UsageError(f"{adapter.name} can only be run on sockets, and fuzzing needs a simulation")
    journal = Journal(FOLDER / f"{adapter.name}-{options.seed}.jsonl")
    if options.fresh:
        journal.clear()
    with _executor(options) as executor, _interrupts() as stopped:
        tally = _explore(options, executor, journal, console, stopped)
        console.print(_summary(tally))
        shrunk = list(shrunk_by(executor, tally.failures.values()))
    confirmed = [_confirmed(one, adapter) for one in shrunk]
    for one in confirmed:
        _tell(one, adapter, options, console)
    return sum(not one.discrepancy for one in confirmed)


def _explore(
    options: Options, executor: Executor, journal: Journal, console: Console, stopped: Callable[[], bool]
) -> Tally:
    tally, began = Tally(), time.monotonic()
    done = journal.read()
    todo = []
    for shard in _shards(options):
        if shard in done:
            tally.add(done[shard])
        elif options.examples is None:
            break
        else:
            todo.append(shard)
    before = tally.cases
    left: Iterator[Shard] = iter(todo) if options.examples is not None else _shards_from(options, len(done))

    def stop() -> bool:
        timed_out = options.minutes is not None and time.monotonic() - began > 60 * options.minutes
        return stopped() or timed_out

    with Live(console=console, refresh_per_second=4, transient=True) as live:
        for explored in explored_by(executor, left, at_once=2 * options.jobs, stop=stop):
            journal.add(explored)
            tally.add(explored)
            speed = (tally.cases - before) / (time.monotonic() - began)
            live.update(_progress(options, tally, speed))
    return tally


def _shards(options: Options) -> Iterator[Shard]:
    """The shards of this part of the campaign; without an end when only time ends it."""
    number, parts = options.part
    examples = options.examples if options.examples is not None else 10**12
    for shard in shards(options.client, options.seed, examples):
        if shard.number % parts == number - 1:
            yield shard


def _shards_from(options: Options, done: int) -> Iterator[Shard]:
    return (shard for place, shard in zip(count(), _shards(options)) if place >= done)


@contextmanager
def _executor(options: Options) -> Iterator[Executor]:
    if options.dask:
        with _dask(options.dask) as executor:
            yield executor
        return
    with ProcessPoolExecutor(options.jobs, initializer=_leave_interrupts_alone) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _dask(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(f"--dask needs its package: pip install 'streamproof[dask]' ({error})") from error
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise UsageError(f"no Dask scheduler at {address}: {error}") from error
    with client:
        executor: Executor = client.get_executor(retries=3)
        yield executor


def _leave_interrupts_alone() -> None:
    """Ctrl-C is for the process that the user sees; it ends the others in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C ends the search, and what was found is still shrunk; the second ends everything."""
    asked = False

    def stop(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def _confirmed(failure: Failure, adapter: Adapter) -> Confirmed:
    scenario = to_record(failure, 0.0)
    return confirm(failure, to_record(failure, lasted(scenario, adapter)), adapter)


def _tell(found: Confirmed, adapter: Adapter, options: Options, console: Console) -> None:
    failure, scenario = found.failure, found.scenario
    if found.discrepancy:
        console.print(Text(f"? {failure.code}  a discrepancy of the simulator: {found.discrepancy}"), style="yellow")
    else:
        console.print(Text(f"✗ {failure.code}  {failure.harm}"), style="red")
    path = recorded.write(scenario, options.record if not found.discrepancy else FOLDER / "discrepancies")
    console.print(Text(f"  {scenario.title}\n  {path}"))
    if not found.discrepancy:
        test = FOLDER / f"test_{failure.slug}.py"
        test.parent.mkdir(parents=True, exist_ok=True)
        told = _TEST.format(title=scenario.title, slug=failure.slug, path=str(path), client=options.client)
        test.write_text(told, "utf-8")
        console.print(Text(f"  streamproof replay {scenario.id}@{adapter.name}:{SEED} · pytest {test}"))
        console.print(Text(f"  streamproof serve {scenario.id} --seed {SEED}"))


def _progress(options: Options, tally: Tally, speed: float) -> RenderableType:
    goal = f" of {options.examples}" if options.examples is not None else ""
    head = Text(
        f"{tally.cases}{goal} cases, {speed:.0f} cases/s, {len(tally.failures)} distinct failures, "
        f"{len(tally.coverage)} pairs of fault and state"
    )
    return Group(head, _table(tally))


def _table(tally: Tally) -> Table:
    table = Table(box=None, show_header=False)
    for code, times in tally.times.most_common(20):
        table.add_row(code, str(times), tally.failures[code].harm[:90])
    return table


def _summary(tally: Tally) -> RenderableType:
    faults = {fault for fault, _ in tally.coverage}
    head = Text(
        f"{tally.cases} cases; {len(faults)} kinds of fault struck, in {len(tally.coverage)} pairs of fault and state; "
        f"{len(tally.failures)} distinct failures"
    )
    return Group(head, _table(tally)) if tally.failures else head
