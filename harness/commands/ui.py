"""`streamproof ui`."""

from __future__ import annotations

import click

from harness import completing
from harness.options import new_seed, seed_option


@click.command()
@click.option("--port", default=0, help="Port to listen on, of this machine alone; any free one by default.")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="NAME|module:attr|cmd:COMMAND",
    help="Client that can be chosen; may be repeated; all that ship by default.",
    shell_complete=completing.clients,
)
@click.option(
    "--pace", type=click.FloatRange(0, 1), default=0.06, show_default=True, help="Seconds between two events."
)
@seed_option
def command(port: int, opens: bool, clients: tuple[str, ...], pace: float, seed: str | None) -> None:
    """Open the control room: run a scenario and watch it, change its network by hand, follow a search for failures.

    A scenario can also be served to a program of yours: its requests are shown as they arrive, and judged by what a
    server can see.
    """
    import asyncio

    from harness import catalog
    from harness.ui.alone import watch_forever

    chosen = catalog.adapters(clients or (catalog.ALL,))
    asyncio.run(watch_forever(chosen, port=port, seed=seed or new_seed(), say=click.echo, pace=pace, opens=opens))
