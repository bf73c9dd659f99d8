"""`streamproof serve`."""

from __future__ import annotations

import click

from harness import completing
from harness.options import log_option, metrics, metrics_option, scenario_called, seed_option


@click.command()
@click.argument("scenario", required=False, shell_complete=completing.scenarios)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, help="Port to listen on; any free one by default.")
@click.option("--catalogue", is_flag=True, help="Print the URL of every scenario.")
@seed_option
@metrics_option
@log_option
def command(
    scenario: str | None,
    host: str,
    port: int,
    catalogue: bool,
    seed: str | None,
    metrics_port: int | None,
    log_format: str,
) -> None:
    """Serve SCENARIO (or all of them) to curl or to any client, and print each request as it comes."""
    import asyncio

    from harness import logs
    from harness.lateness import calm_collector
    from harness.serve import serve_forever

    one = scenario_called(scenario) if scenario else None
    say = logs.say_serving(log_format, "serve")
    with metrics(metrics_port, say) as registry:
        watch = None
        if registry is not None:
            from harness.metrics.exchanges import Exchanges

            watch = Exchanges(registry, "serve").take
        served = serve_forever(one, host=host, port=port, seed=seed or "0", say=say, catalogue=catalogue, watch=watch)
        calm_collector()
        asyncio.run(served)
