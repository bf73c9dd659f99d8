"""`streamproof show`."""

from __future__ import annotations

import click

from harness.options import end_quietly_when_nobody_reads, scenario_called, seed_option


@click.command()
@click.argument("scenario")
@seed_option
def command(scenario: str, seed: str | None) -> None:
    """Show a scenario: what goes wrong, what is expected, and the exact bytes of every attempt."""
    end_quietly_when_nobody_reads()
    from harness.show import shown

    for line in shown(scenario_called(scenario), seed or "0"):
        click.echo(line)
