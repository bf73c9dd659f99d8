"""`streamproof serve`."""

from __future__ import annotations

import click

from harness.options import scenario_called, seed_option


@click.command()
@click.argument("scenario", required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, help="Port to listen on; any free one by default.")
@click.option("--catalogue", is_flag=True, help="Print the URL of every scenario.")
@seed_option
def command(scenario: str | None, host: str, port: int, catalogue: bool, seed: str | None) -> None:
    """Serve SCENARIO (or all of them) to curl or to any client, and print each request as it comes."""
    import asyncio

    from harness.serve import serve_forever

    one = scenario_called(scenario) if scenario else None
    asyncio.run(serve_forever(one, host=host, port=port, seed=seed or "0", say=click.echo, catalogue=catalogue))
