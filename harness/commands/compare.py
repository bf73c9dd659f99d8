"""`streamproof compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.options import FAILED, UNKNOWN, end_quietly_when_nobody_reads

if TYPE_CHECKING:
    from harness.comparing import Side


@click.command()
@click.argument("before", metavar="BEFORE[#CLIENT]")
@click.argument("after", metavar="AFTER[#CLIENT]")
def command(before: str, after: str) -> None:
    """Tell what changed between two runs, two versions of a client, or two clients.

    BEFORE and AFTER are histories of runs; FILE#CLIENT is one client of a run: `compare run.jsonl#a run.jsonl#b`.

    Exit status: 0 when nothing got worse, 1 when something did, 3 when nothing did but something is newly unknown.
    """
    end_quietly_when_nobody_reads()
    from harness.comparing import compared, told

    first, second = _side(before), _side(after)
    pairs = compared(first, second)
    for line in told(first, second, pairs):
        click.echo(line)
    doubtful = UNKNOWN if any(pair.doubtful for pair in pairs) else 0
    raise SystemExit(FAILED if any(pair.worse for pair in pairs) else doubtful)


def _side(argument: str) -> Side:
    from harness import earlier, journal
    from harness.comparing import Side

    path, client = _split(argument)
    return Side(name=path, run=earlier.told(journal.read(Path(path))), client=client)


def _split(argument: str) -> tuple[str, str]:
    """File and client in ``FILE#CLIENT``; both may have a # in their names, and the first file that exists is meant."""
    parts = argument.split("#")
    splits = [("#".join(parts[:place]), "#".join(parts[place:])) for place in range(1, len(parts) + 1)]
    return next((one for one in splits if Path(one[0]).is_file()), splits[0])
