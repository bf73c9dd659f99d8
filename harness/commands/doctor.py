"""`streamproof doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.options import FAILED, end_quietly_when_nobody_reads

if TYPE_CHECKING:
    from harness.doctor import Found


@click.command()
def command() -> None:
    """Say what is installed, what is skipped for lack of something, and how to get it.

    Exit status: 0 when all that is needed to run scenarios is there, 1 when something of it is missing.
    """
    end_quietly_when_nobody_reads()
    from importlib.metadata import version

    from harness import doctor

    click.echo(f"streamproof {version('streamproof')}")
    needed = list(doctor.basics())
    lists = {
        "needed": needed,
        "extras": list(doctor.extras()),
        "programs": list(doctor.tools()),
        "clients": list(doctor.clients()),
    }
    for title, found in lists.items():
        click.echo(f"\n{title}: {sum(one.is_there for one in found)} of {len(found)}")
        for one in found:
            _tell(one)
    missing = doctor.lacks(needed)
    click.echo(f"\n✗ missing: {', '.join(one.name for one in missing)}" if missing else "\n✓ scenarios can be run")
    raise SystemExit(FAILED if missing else 0)


def _tell(one: Found) -> None:
    if one.is_there:
        click.echo(f"  ✓ {one.name} {one.version}")
        return
    click.echo(f"  {'✗' if one.is_needed else '–'} {one.name}: {one.without}")
    if one.way_out:
        click.echo(f"      {one.way_out}")
