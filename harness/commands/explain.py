"""`streamproof explain`."""

from __future__ import annotations

import click

from harness import completing
from harness.options import end_quietly_when_nobody_reads


@click.command()
@click.argument("code", shell_complete=completing.laws)
def command(code: str) -> None:
    """Explain a law by its code or name, such as SP02."""
    end_quietly_when_nobody_reads()
    from harness import catalog

    law = catalog.law(code)
    click.echo(f"{law.code} {law.name}\n\n{law.text}")
