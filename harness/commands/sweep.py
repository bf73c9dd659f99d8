"""`streamproof sweep`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.options import end_search, log_option, new_seed, seed_option, target_option


@click.command()
@click.argument("sweeps", nargs=-1, type=click.Choice(["splits", "cuts", "pairs"]))
@target_option
@seed_option
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 1_000), help="Processes.")
@click.option("--bytes", "size", default=4096, show_default=True, type=click.IntRange(1, 1 << 16), help="Size.")
@click.option("--record", type=click.Path(path_type=Path), help="Folder for failures; scenarios/recorded by default.")
@log_option
def command(
    sweeps: tuple[str, ...],
    client: str,
    seed: str | None,
    jobs: int,
    size: int,
    record: Path | None,
    log_format: str,
) -> None:
    """Run every case of a kind, in virtual time; all three kinds when none is named.

    splits: a stream in two parts, at every byte. cuts: a stream that ends at every byte, in four ways. pairs: every two
    kinds of fault at once, in each state of the reply. Each distinct failure is told once, and kept as fuzz keeps it.
    """
    from rich.console import Console

    from harness import catalog, logs
    from harness.searched import SearchLog
    from harness.sweep import Sweep
    from harness.sweeping import Options
    from harness.sweeping import sweep as sweep_all

    options = Options(
        client=client,
        seed=seed or new_seed(),
        sweeps=tuple(map(Sweep, dict.fromkeys(sweeps))) or tuple(Sweep),
        size=size,
        jobs=jobs,
        record=record or catalog.RECORDED,
    )
    say = logs.say(log_format, "sweep", err=True)
    end = sweep_all(options, Console(soft_wrap=True), [SearchLog(say).take])
    end_search(end, options.seed, client, say)
