"""`streamproof bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.options import FAILED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.bench.measuring import Plan

CORPORA = ("text", "crlf", "non-ascii", "tools", "lines", "comments")
CHUNKINGS = ("64KiB", "1.4KB", "event", "16", "1")
STAGES = ("framing", "decode", "accumulate")


@click.command()
@click.option("-k", "select", default="", metavar="EXPR", help="Parts of parsers' names, with and, or, not.")
@click.option("--corpus", "corpora", multiple=True, type=click.Choice([*CORPORA, "all"]), help="What they read; text.")
@click.option("--chunking", "chunkings", multiple=True, type=click.Choice(CHUNKINGS), help="Size of a read; every one.")
@click.option("--stage", "stages", multiple=True, type=click.Choice(STAGES), help="How far they read; all three.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 1000), help="Turns for each parser.")
@click.option("--seconds", default=0.02, show_default=True, type=click.FloatRange(0, 60), help="CPU time of a turn.")
@click.option("--parser", "own", multiple=True, metavar="module:attr", help="A parser of yours; may be repeated.")
@click.option("--wrong", is_flag=True, help="Tell the cases that parsers get wrong.")
@click.option("--json", "history", type=click.Path(path_type=Path), help="File of runs to which this one is added.")
@click.option("--compare", type=click.Path(path_type=Path), help="Tell what changed since the last run in this file.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with charts.")
@click.option("--install", is_flag=True, help="Install the parsers of others, each in an environment of its own.")
def command(
    select: str,
    corpora: tuple[str, ...],
    chunkings: tuple[str, ...],
    stages: tuple[str, ...],
    rounds: int,
    seconds: float,
    own: tuple[str, ...],
    wrong: bool,
    history: Path | None,
    compare: Path | None,
    html: Path | None,
    install: bool,
) -> None:
    """Measure how fast and how right parsers of event streams are: ours, other people's, and yours.

    A parser of yours is a class whose objects have feed(bytes) -> events, or a function from an iterable of chunks to
    events. An event is (name, data) or (name, data, id), or has these as keys or attributes; data is text or bytes.

    Exit status: 1 when a parser that --parser names is wrong, 0 otherwise.
    """
    from rich.console import Console

    from harness.bench import chart, comparison, kept, table
    from harness.bench.measuring import measured

    if install:
        _install()
        return
    before = kept.last(compare) if compare is not None else None
    console = Console(stderr=True)
    with console.status("starting") as status:
        run = measured(_plan(select, corpora, chunkings, stages, rounds, seconds, own), status.update)
    for line in table.lines(run):
        click.echo(line)
    mine = [one for one in run.entrants if one.name in own]
    for line in table.wrong_cases(run.entrants if wrong else mine):
        click.echo(line)
    for line in comparison.told(before, run) if before is not None else ():
        click.echo(line)
    if history is not None:
        kept.append(history, run)
    if html is not None:
        html.write_text(chart.rendered(run), "utf-8")
    raise SystemExit(0 if all(one.is_right for one in mine) else FAILED)


def _plan(
    select: str,
    corpora: tuple[str, ...],
    chunkings: tuple[str, ...],
    stages: tuple[str, ...],
    rounds: int,
    seconds: float,
    own: Iterable[str],
) -> Plan:
    from harness.bench import parsers
    from harness.bench.corpora import corpora as known
    from harness.bench.measuring import Plan
    from harness.bench.results import Away, Stage
    from harness.plan import selected

    mine = [parsers.own(one) for one in dict.fromkeys(own)]
    every = [parsers.ours(), *parsers.peers(), *parsers.limits()]
    chosen = set(selected(select, [one.name for one in every], kind="parsers"))
    there = [one for one in every if one.name in chosen]
    return Plan(
        parsers=[*mine, *(one for one in there if isinstance(one, parsers.Parser))],
        away=[one for one in there if isinstance(one, Away)],
        corpora=[known()[one] for one in (CORPORA if "all" in corpora else corpora or CORPORA[:1])],
        chunkings=chunkings or CHUNKINGS,
        stages=[Stage(one) for one in stages or STAGES],
        rounds=rounds,
        seconds=seconds,
    )


def _install() -> None:
    from harness.bench import parsers
    from harness.errors import UsageError

    found = parsers.environments()
    for one in found.values():
        try:
            one.install(click.echo)
        except UsageError as error:
            click.echo(f"{one.name}: NOT INSTALLED, {error}")
    there = sum(not one.lacks for one in found.values())
    click.echo(f"{there} of {len(found)} are installed")
