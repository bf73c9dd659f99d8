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
def command(name: str, history: Path, output: Path | None, rejudge: bool) -> None:
    """Make report NAME from a run's history, also from one that was killed."""
    end_quietly_when_nobody_reads()
    from harness import catalog, journal
    from harness.execute import opened

    make = catalog.reporter(name)
    recorded = journal.read(history)
    # All of it is read before anything is written, perhaps over it.
    events = list(journal.judged_again(recorded, catalog.laws()) if rejudge else recorded)
    with ExitStack() as stack:
        reporter = make(stack.enter_context(opened(output)) if output else sys.stdout)
        for event in events:
            reporter.take(event)
