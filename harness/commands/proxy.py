"""`streamproof proxy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness import completing
from harness.options import log_option, metrics, metrics_option, scenario_called, seed_option

if TYPE_CHECKING:
    from harness.proxy.chaos import Chaos


@click.command()
@click.option("--upstream", required=True, metavar="URL", help="The real server, such as https://api.anthropic.com.")
@click.option(
    "--scenario",
    default="",
    metavar="ID|FILE",
    help="Let the faults of this scenario strike the answers.",
    shell_complete=completing.scenarios,
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="JSON",
    help="Let this fault strike every stream, written as in a recorded scenario; may be repeated.",
)
@seed_option
@click.option("--record", type=click.Path(path_type=Path), metavar="FILE", help="Keep what the server answers.")
@click.option("--bodies", is_flag=True, help="Keep the bodies of requests as well: they hold your prompts.")
@click.option("--cafile", type=click.Path(path_type=Path), help="Certificates to trust instead of the system's.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, help="Port to listen on; any free one by default.")
@metrics_option
@log_option
def command(
    upstream: str,
    scenario: str,
    faults: tuple[str, ...],
    seed: str | None,
    record: Path | None,
    bodies: bool,
    cafile: Path | None,
    host: str,
    port: int,
    metrics_port: int | None,
    log_format: str,
) -> None:
    """Stand before a real API or gateway, break its answers as a scenario breaks those of our own, and record them.

    Requests are passed on as they are, keys and all; events are passed back as they come. Of what is kept and printed
    keys are taken out.
    """
    import asyncio

    from harness import logs
    from harness.lateness import calm_collector
    from harness.proxy.alone import proxy_forever
    from harness.proxy.upstream import Upstream

    server, chaos, say = Upstream(upstream, cafile), _chaos(scenario, faults), logs.say_serving(log_format, "proxy")
    with metrics(metrics_port, say) as registry:
        watch = None
        if registry is not None:
            from harness.metrics.exchanges import Exchanges

            watch = Exchanges(registry, "proxy").take
        proxied = proxy_forever(
            server,
            chaos,
            host=host,
            port=port,
            seed=seed or "0",
            record=record,
            with_bodies=bodies,
            say=say,
            watch=watch,
        )
        calm_collector()
        asyncio.run(proxied)


def _chaos(scenario: str, faults: tuple[str, ...]) -> Chaos:
    import json

    from harness import recorded
    from harness.errors import UsageError
    from harness.proxy import chaos

    if scenario and faults:
        raise UsageError("--scenario has faults of its own: leave out --fault, or write a scenario with both")
    if scenario:
        return chaos.of_scenario(scenario_called(scenario))
    try:
        trees = [json.loads(one) for one in faults]
    except (ValueError, RecursionError) as error:
        example = '{"is": "DropEvent", "at": {"is": "AtEvent", "name": "content_block_delta", "nth": 6}}'
        raise UsageError(f"--fault is not JSON: {error}; an example is {example}") from None
    return chaos.of_faults(recorded.load_faults(trees, "--fault")) if trees else chaos.Chaos()
