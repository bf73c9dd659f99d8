"""`streamproof toxiproxy`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.options import log_option, seed_option


@click.command("toxiproxy")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the API.")
@click.option("--port", default=8474, show_default=True, help="Port of the API; 0 is any free one.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="JSON file with an array of proxies, as /populate takes it."
)
@seed_option
@log_option
def command(host: str, port: int, config: Path | None, seed: str | None, log_format: str) -> None:
    """Serve TCP proxies with toxics, by the API of Toxiproxy 2.12, to any of its clients."""
    from harness import logs
    from harness.toxiproxy.alone import serve

    serve(host, port, config=config, seed=seed, say=logs.say_serving(log_format, "toxiproxy"))
