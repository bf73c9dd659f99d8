"""A load for its command: what is wanted is checked, the processes are told, and what came of it is shown and kept."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import click

from fake_server.dialect import Dialect
from harness import catalog, journal
from harness.asking import MODELS
from harness.errors import UsageError
from harness.events import CaseFinished, Event, RunFinished, RunStarted
from harness.execute import opened
from harness.load import crew
from harness.load.display import Display
from harness.load.durations import seconds_of as seconds_of
from harness.load.machine import make_room
from harness.load.messages import Order
from harness.load.page import page
from harness.load.part import mix_in, mix_of
from harness.load.result import Result
from harness.load.summary import lines, tree
from harness.load.thresholds import Kept, all_of, kept
from harness.logs import Say
from harness.options import FAILED, UNKNOWN
from harness.secrets import Secrets
from harness.verdict import Verdict

_STREAMS_OF_A_PROCESS = 250
_STOPPING = "no more calls are begun; those that go on come to their end, and another Ctrl-C drops them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asked for; times in seconds."""

    client: str
    streams: int
    seconds: float
    ramp: float
    mix: Path | None
    url: str
    model: str
    thresholds: tuple[str, ...]
    processes: int | None
    seed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where what came of it goes."""

    summary: Path
    html: Path | None
    failures: Path


def load(wanted: Wanted, files: Files, say: Say, watch: Callable[[Result], object] | None = None) -> int:
    """Let it run to its end, print and write what came of it, and return the exit status.

    Args:
        watch: is told every second how it stands.

    Raises:
        UsageError: something cannot be done as it is asked for.
    """
    thresholds = all_of(wanted.thresholds)
    orders = _orders(wanted)
    result = _begun(wanted, orders)
    with ExitStack() as stack:
        summary = stack.enter_context(opened(files.summary))
        html = stack.enter_context(opened(files.html)) if files.html is not None else None
        failures = stack.enter_context(_history(stack.enter_context(opened(files.failures)), result))
        display = stack.enter_context(Display(sys.stdout, say, wanted.seconds))

        def tell(now: Result) -> None:
            display.take(now)
            if watch is not None:
                watch(now)

        asyncio.run(crew.run(orders, crew.Together(result, len(orders), tell, failures, lambda: say(_STOPPING))))
        result.is_interrupted = result.seconds < wanted.seconds
        keeping = kept(thresholds, result)
        json.dump(tree(result, keeping), summary, indent=1)
        summary.write("\n")
        if html is not None:
            html.write(page(result, keeping))
    for line in lines(result, keeping):
        click.echo(line)
    written = [str(one) for one in (files.summary, files.html, files.failures) if one is not None]
    say(f"written: {', '.join(written)}", "reports are written", files=written)
    return status_of(keeping)


def status_of(keeping: list[Kept]) -> int:
    """The exit status: 1 where a threshold is crossed, 3 where one cannot be told."""
    verdicts = {one.verdict for one in keeping}
    return FAILED if Verdict.FAIL in verdicts else UNKNOWN if Verdict.UNKNOWN in verdicts else 0


def _orders(wanted: Wanted) -> list[Order]:
    """What each process is to do."""
    usual = min(os.cpu_count() or 1, -(-wanted.streams // _STREAMS_OF_A_PROCESS))
    many = min(wanted.processes or usual, wanted.streams)
    each = -(-wanted.streams // many)
    if (possible := make_room(each)) < each:
        way_out = "more --processes, or a higher `ulimit -n`"
        raise UsageError(f"a process may have files for {possible} streams here, and not for {each}: {way_out}")
    text = _text(wanted.mix)
    return [
        Order(
            client=wanted.client,
            mix=text,
            file=str(wanted.mix or ""),
            seed=wanted.seed,
            streams=wanted.streams // many + (number < wanted.streams % many),
            seconds=wanted.seconds,
            ramp=wanted.ramp,
            part=(number + 1, many),
            url=wanted.url,
            model=wanted.model or MODELS[Dialect.ANTHROPIC],
        )
        for number in range(many)
    ]


def _text(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"cannot read {path}: {reason}") from error


def _begun(wanted: Wanted, orders: list[Order]) -> Result:
    adapter = catalog.adapter(wanted.client)
    mix = mix_of(orders[0], adapter)
    return Result(
        client=adapter.name,
        asked_for=Secrets().text(wanted.client),
        version=adapter.version,
        seed=wanted.seed,
        server=wanted.url,
        streams=wanted.streams,
        processes=len(orders),
        speed=mix.speed,
        scenarios=len(mix.scenarios),
        left_out=len(mix_in(orders[0]).scenarios) - len(mix.scenarios),
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


@contextmanager
def _history(out: TextIO, result: Result) -> Iterator[Callable[[str], None]]:
    """Takes failed calls as lines of a history, each once; ``streamproof report`` reads what is written."""
    cases: dict[str, CaseFinished] = {}
    scenarios: list[str] = []

    def take(line: str) -> None:
        event = journal.decode(line.encode())
        assert isinstance(event, CaseFinished)
        if event.case not in cases:
            cases[event.case] = event
            scenarios.append(event.scenario)

    yield take
    begun = RunStarted(
        seed=result.seed,
        clients=(result.client,),
        asked_for={result.client: result.asked_for},
        versions={result.client: result.version},
        scenarios=tuple(scenarios),
        cases=len(cases),
        date=result.date,
    )
    counts = {result.client: {Verdict.FAIL: len(cases)}}
    events: list[Event] = [begun, *cases.values(), RunFinished(counts=counts, seconds=result.seconds)]
    out.writelines(journal.encode(event).decode() for event in events)
