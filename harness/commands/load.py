"""`streamproof load`."""

from __future__ import annotations

from pathlib import Path

import click

from harness import completing
from harness.options import log_option, metrics, metrics_option, new_seed, seed_option


@click.command()
@click.option(
    "--client",
    default="bundled",
    show_default=True,
    metavar="NAME|module:attr|cmd:COMMAND",
    shell_complete=completing.clients,
    help="Client that makes the calls.",
)
@click.option("--streams", default=100, show_default=True, type=click.IntRange(1, 100_000), help="Calls at once.")
@click.option("--for", "duration", default="1m", show_default=True, metavar="TIME", help="How long: 90s, 10m, 8h.")
@click.option("--ramp", metavar="TIME", help="In which all streams begin; a tenth of --for by default, at most 30s.")
@click.option(
    "--mix",
    type=click.Path(path_type=Path),
    help="TOML file of what the calls meet; by default a little of everything.",
)
@click.option("--url", default="", metavar="URL", help="Ask this server; faults strike its answers on their way.")
@click.option("--model", default="", metavar="NAME", help="The model that it is asked for.")
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="EXPR",
    help="What must hold, such as 'completion>=99%' or 'ttft.p95<500ms'; may be repeated.",
)
@click.option("--processes", type=click.IntRange(1, 256), help="By default one for 250 streams, at most one a core.")
@click.option(
    "--summary",
    type=click.Path(path_type=Path),
    default=Path("reports/out/load.json"),
    show_default=True,
    help="JSON file of all numbers.",
)
@click.option("--html", type=click.Path(path_type=Path), help="Page to write, with histograms.")
@click.option(
    "--failures",
    type=click.Path(path_type=Path),
    default=Path("reports/out/load.jsonl"),
    show_default=True,
    help="History of a few failed calls of each law.",
)
@seed_option
@metrics_option
@log_option
def command(
    client: str,
    streams: int,
    duration: str,
    ramp: str | None,
    mix: Path | None,
    url: str,
    model: str,
    thresholds: tuple[str, ...],
    processes: int | None,
    summary: Path,
    html: Path | None,
    failures: Path,
    seed: str | None,
    metrics_port: int | None,
    log_format: str,
) -> None:
    """Let a client make thousands of calls at once that meet all kinds of faults, for as long as you like.

    Every call is judged as in a run, and then forgotten; memory stays flat. The exit status is 1 when a threshold is
    crossed, 3 when one cannot be told. Without others these hold: failed==0, unknown==0, lost==0.
    """
    from harness import logs
    from harness.load.alone import Files, Wanted, load, seconds_of

    say = logs.say(log_format, "load", err=True)
    lasts = seconds_of(duration, "--for")
    wanted = Wanted(
        client=client,
        streams=streams,
        seconds=lasts,
        ramp=min(30.0, lasts / 10) if ramp is None else seconds_of(ramp, "--ramp"),
        mix=mix,
        url=url,
        model=model,
        thresholds=thresholds,
        processes=processes,
        seed=seed or new_seed(),
    )
    with metrics(metrics_port, say) as registry:
        watch = None
        if registry is not None:
            from harness.load.metrics import LoadMetrics

            watch = LoadMetrics(registry, client).take
        status = load(wanted, Files(summary=summary, html=html, failures=failures), say, watch)
    raise SystemExit(status)
