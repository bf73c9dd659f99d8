"""`streamproof clients`."""

from __future__ import annotations

import click

from harness import completing
from harness.options import end_quietly_when_nobody_reads


@click.group()
def command() -> None:
    """Install and list the clients of others that ship as programs, each in an environment of its own."""


@command.command("list")
def list_() -> None:
    """List all clients: version, or why they cannot be run here."""
    end_quietly_when_nobody_reads()
    from harness import catalog
    from harness.adapter import Absent

    adapters = catalog.every_adapter()
    width = max(len(one.name) for one in adapters)
    for one in adapters:
        state = f"–  {one.why}" if isinstance(one, Absent) else f"✓  {one.version}"
        click.echo(f"{one.name:<{width}}  {state}")


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=completing.programs)
@click.option("--all", "everything", is_flag=True, help="All whose language is on this machine.")
def install(names: tuple[str, ...], everything: bool) -> None:
    """Install the packages of clients, each in an environment of its own; $STREAMPROOF_CLIENTS names another place."""
    from harness.environments import programs
    from harness.errors import UsageError, unknown_name

    known = programs()
    if unknown := [name for name in names if name not in known]:
        raise unknown_name("client that is installed so", unknown[0], known)
    if not names and not everything:
        raise UsageError(f"name the clients to install, or --all; there are {', '.join(known)}")
    absent = [one.name for one in known.values() if everything and one.absent]
    for name in names or [name for name in known if name not in absent]:
        known[name].install(click.echo)
    for name in absent:
        click.echo(f"{name}: NOT INSTALLED, {known[name].lacks}")


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=completing.programs)
def remove(names: tuple[str, ...]) -> None:
    """Remove what was installed for clients."""
    from harness.environments import programs
    from harness.errors import unknown_name

    known = programs()
    for name in names:
        if name not in known:
            raise unknown_name("client that is installed so", name, known)
        known[name].remove()


@command.command()
@click.argument("client", metavar="NAME|module:attr|cmd:COMMAND", shell_complete=completing.clients)
def check(client: str) -> None:
    """Check an adapter: lead it through calls whose right observation is known, and say what it does wrong."""
    from harness import catalog
    from harness.conformance import check_adapter
    from harness.options import FAILED
    from harness.plain import plain

    adapter = catalog.adapter(client)
    problems = check_adapter(adapter)
    for problem in problems:
        click.echo(f"✗ {plain(problem)}")
    if problems:
        raise SystemExit(FAILED)
    click.echo(f"✓ {adapter.name} {adapter.version}: the adapter keeps its contract")
