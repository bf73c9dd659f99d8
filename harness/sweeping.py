"""``streamproof sweep``: every case of the sweeps in virtual time, with a progress bar; what fails is written down."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from harness import catalog
from harness.adapter import Adapter
from harness.confirm import Confirmed, confirm
from harness.engine import finished
from harness.errors import UsageError
from harness.findings import Hunted, made, tell
from harness.fuzz import SEED, Failure, Shard, failure_of
from harness.interrupts import LOOK_SECONDS, end_at_once, interrupts
from harness.plan import PlannedCase
from harness.searched import Watcher
from harness.sim import runner
from harness.sweep import Stream, Sweep, Swept, size_of, swept
from harness.verdict import Verdict
from harness.workers import Workers, processes

CHUNK_CASES = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a user asks of the sweeps."""

    client: str
    seed: str
    sweeps: tuple[Sweep, ...] = tuple(Sweep)
    size: int = 4096
    """Bytes of the stream."""
    jobs: int = 1
    record: Path = field(default_factory=lambda: catalog.RECORDED)

    @property
    def stream(self) -> Stream:
        """The stream that is swept."""
        return Stream(seed=self.seed, size=self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A part of a sweep."""

    sweep: Sweep
    stream: Stream
    client: str
    numbers: range


@dataclass(slots=True)
class Find:
    """A failure, and where in its sweep it comes."""

    failure: Failure
    """The first one."""
    at: list[tuple[str, int]]
    """Of each what is counted, and its number."""


@dataclass(slots=True)
class Swath:
    """What came of a sweep, or of a part of it."""

    cases: int = 0
    unknown: int = 0
    finds: dict[str, Find] = field(default_factory=dict)
    """By code, in the order of the sweep."""

    def add(self, other: Swath) -> None:
        """Put in what came of the next part."""
        self.cases += other.cases
        self.unknown += other.unknown
        for code, find in other.finds.items():
            if code in self.finds:
                self.finds[code].at += find.at
            else:
                self.finds[code] = find


def examine(chunk: Chunk) -> Swath:
    """Run and judge the cases of ``chunk``."""
    swath, adapter = Swath(), catalog.adapter(chunk.client)
    shard = Shard(client=chunk.client, seed=chunk.stream.seed, number=0)
    for one in swept(chunk.sweep, chunk.stream, chunk.numbers):
        swath.add(_examined(one, adapter, shard))
    return swath


def _examined(one: Swept, adapter: Adapter, shard: Shard) -> Swath:
    case = PlannedCase(scenario=one.scenario, adapter=adapter, seed=SEED, policy=adapter.policy)
    result = finished(runner.run(case), catalog.laws())
    failure = failure_of(result, one.scenario, shard)
    finds = {} if failure is None else {failure.code: Find(failure, [(one.of, one.at)])}
    return Swath(cases=1, unknown=result.verdict is Verdict.UNKNOWN, finds=finds)


def chunks(options: Options, sweep: Sweep) -> list[Chunk]:
    """The parts of a sweep, in its order."""
    size = size_of(sweep, options.stream)
    starts = range(0, size, CHUNK_CASES)
    numbers = (range(start, min(start + CHUNK_CASES, size)) for start in starts)
    return [Chunk(sweep=sweep, stream=options.stream, client=options.client, numbers=one) for one in numbers]


@end_at_once()
def sweep(options: Options, console: Console, watchers: Sequence[Watcher] = ()) -> Hunted:
    """Run the sweeps and print what they find.

    Ctrl-C ends them, and what was found is still told; from then on Ctrl-C ends everything.

    Args:
        watchers: are told of each failure and its proof.

    Raises:
        UsageError: the client cannot be simulated, or nothing can be written.
    """
    adapter = catalog.adapter(options.client)
    if why := runner.cannot_search(adapter):
        raise UsageError(why)
    made(options.record)
    end = Hunted()
    for one in options.sweeps:
        with interrupts() as stopped:
            swath = _run(options, one, console, stopped)
            end.is_interrupted = stopped()
        for found in _told(one, swath, adapter, options, console):
            end.add(found)
            for watcher in watchers:
                watcher(found)
        if end.is_interrupted:
            break
    return end


# ---- the run


def _run(options: Options, sweep: Sweep, console: Console, stopped: Callable[[], bool]) -> Swath:
    """One sweep, up to its end or to the user's."""
    swath = Swath()
    with processes(options.jobs) as workers, _bar(console) as bar:
        task = bar.add_task(sweep, total=size_of(sweep, options.stream))
        for done in _in_order(workers, chunks(options, sweep), stopped):
            swath.add(done)
            bar.update(task, completed=swath.cases)
    return swath


def _in_order(workers: Workers, parts: Iterable[Chunk], stopped: Callable[[], bool]) -> Iterator[Swath]:
    """What came of the parts, in their order, whichever ends first."""
    left, running = iter(parts), deque[Future[Swath]]()
    while not stopped():
        free = workers.at_once() - len(running)
        running.extend(workers.executor.submit(examine, part) for part in islice(left, free))
        if not running:
            return
        if wait([running[0]], timeout=LOOK_SECONDS).done:
            yield running.popleft().result()


# ---- the display


class _Speed(ProgressColumn):
    """Cases per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:,.0f} cases/s")


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _told(sweep: Sweep, swath: Swath, adapter: Adapter, options: Options, console: Console) -> Iterator[Confirmed]:
    """Print what a sweep found, each failure with what came of it on sockets."""
    total = size_of(sweep, options.stream)
    part = "" if swath.cases == total else f" of {total}"
    unknown = f", {swath.unknown} of them prove nothing" if swath.unknown else ""
    console.print(Text(f"{sweep}: {swath.cases}{part} cases{unknown}; {len(swath.finds)} distinct failures"))
    for find in swath.finds.values():
        found = _confirmed(find.failure, adapter)
        tell(found, adapter, options.client, options.record, console)
        console.print(Text(f"  {_where(find)}"))
        yield found


def _confirmed(failure: Failure, adapter: Adapter) -> Confirmed:
    found = confirm(failure, adapter)
    return replace(found, scenario=replace(found.scenario, title=f"Found by a sweep: {failure.scenario.title}"))


def _where(find: Find) -> str:
    """In how many cases it comes, and where."""
    numbers: dict[str, list[int]] = {}
    for of, number in find.at:
        numbers.setdefault(of, []).append(number)
    spans = " and ".join(f"{of} {min(found)} to {max(found)}" for of, found in numbers.items())
    return f"in {len(find.at)} cases: {spans}; this is the first"
