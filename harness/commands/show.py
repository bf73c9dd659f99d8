"""`streamproof show`."""

from __future__ import annotations

import click

from fake_server.dialect import Dialect
from harness import completing
from harness.options import end_quietly_when_nobody_reads, scenario_called, seed_option


@click.command()
@click.argument("scenario", shell_complete=completing.scenarios)
@seed_option
@click.option(
    "--dialect",
    type=click.Choice([one.value for one in Dialect]),
    default="anthropic",
    help="In whose words the bytes are.",
)
def command(scenario: str, seed: str | None, dialect: str) -> None:
    """Show a scenario: what goes wrong, what is expected, and the exact bytes of every attempt."""
    end_quietly_when_nobody_reads()
    from harness.show import shown

    for line in shown(scenario_called(scenario), seed or "0", Dialect(dialect)):
        click.echo(line)
