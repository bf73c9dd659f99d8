"""`streamproof report`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from harness import completing
from harness.options import end_quietly_when_nobody_reads


@click.command()
@click.argument("name", shell_complete=completing.reports)
@click.argument("history", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; the standard output by default.")
@click.option("--rejudge", is_flag=True, help="Judge the recorded cases again, by the laws of today.")
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    help="An earlier history, or a matrix.json: show what changed since (html).",
)
@click.option(
    "--earlier",
    type=click.Path(path_type=Path),
    multiple=True,
    help="An earlier history, or a matrix.json: show how failures went over these runs (html); may be repeated.",
)
def command(
    name: str, history: Path, output: Path | None, rejudge: bool, baseline: Path | None, earlier: tuple[Path, ...]
) -> None:
    """Make report NAME from a run's history, also from one that was killed."""
    end_quietly_when_nobody_reads()
    from harness import catalog, journal
    from harness import earlier as runs
    from harness.comparing import Comparing
    from harness.errors import UsageError
    from harness.execute import opened

    make = catalog.reporter(name)
    if (baseline or earlier) and not hasattr(make, "compare"):
        raise UsageError(f"report {name} compares nothing: leave out --baseline and --earlier")
    before = runs.read(baseline) if baseline is not None else None
    series = [runs.read(one) for one in earlier]
    recorded = journal.read(history)
    # All of it is read before anything is written, perhaps over it.
    events = list(journal.judged_again(recorded, catalog.laws()) if rejudge else recorded)
    with ExitStack() as stack:
        reporter = make(stack.enter_context(opened(output)) if output else sys.stdout)
        if isinstance(reporter, Comparing):
            reporter.compare(before, series)
        for event in events:
            reporter.take(event)
