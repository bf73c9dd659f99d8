"""`streamproof fuzz`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.options import end_search, log_option, metrics, metrics_option, new_seed, seed_option, target_option


@click.command()
@target_option
@click.option("--examples", type=click.IntRange(1), help="Cases to run; 10,000 by default, if no --minutes are given.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Time to look for failures.")
@seed_option
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 1_000), help="Processes.")
@click.option("--shard", default="1/1", show_default=True, metavar="I/N", help="Run the I-th of N parts only.")
@click.option("--dask", default="", metavar="URL", help="Run the parts on the workers of this Dask scheduler.")
@click.option("--database", default="", metavar="DIR|redis://…", help="Known failures, shared; they are tried first.")
@click.option("--fresh", is_flag=True, help="Begin anew; otherwise an interrupted campaign goes on.")
@click.option("--record", type=click.Path(path_type=Path), help="Folder for failures; scenarios/recorded by default.")
@metrics_option
@log_option
def command(
    client: str,
    examples: int | None,
    minutes: float | None,
    seed: str | None,
    jobs: int,
    shard: str,
    dask: str,
    database: str,
    fresh: bool,
    record: Path | None,
    metrics_port: int | None,
    log_format: str,
) -> None:
    """Look for failures nobody has thought of: draw scenarios, run them in virtual time, shrink what fails.

    Each distinct failure is told once, in its simplest case, confirmed on real sockets, and written down as a scenario.
    The same seed gives the same cases and the same failures, on one process or on many.
    """
    from rich.console import Console

    from harness import catalog, logs
    from harness.campaign import Campaign
    from harness.hunt import Options, hunt
    from harness.searched import SearchLog, Watcher

    say = logs.say(log_format, "fuzz", err=True)
    campaign = Campaign(
        client=client,
        seed=seed or new_seed(),
        examples=examples or (None if minutes else 10_000),
        part=_part(shard),
    )
    options = Options(
        campaign=campaign,
        minutes=minutes,
        jobs=jobs,
        dask=dask,
        database=database,
        fresh=fresh,
        record=record or catalog.RECORDED,
    )
    watchers: list[Watcher] = [SearchLog(say).take]
    with metrics(metrics_port, say) as registry:
        if registry is not None:
            from harness.metrics.searches import SearchMetrics

            watchers.append(SearchMetrics(registry, client, campaign.examples or 0).take)
        end = hunt(options, Console(soft_wrap=True), watchers)
    end_search(end, campaign.seed, client, say)


def _part(shard: str) -> tuple[int, int]:
    """Number and count in ``3/10``."""
    from harness.errors import UsageError

    number, _, count = shard.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise UsageError(f"--shard {shard!r}: expected I/N with I from 1 to N, such as 3/10")
