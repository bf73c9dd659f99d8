"""`streamproof record`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("capture", type=click.Path(path_type=Path))
@click.option(
    "-o", "out", type=click.Path(path_type=Path), metavar="NAME.json", help="The scenario's file; beside CAPTURE."
)
@click.option("--from", "first", default=1, show_default=True, help="Number of the exchange to begin with.")
@click.option("--at-once", is_flag=True, help="Do not repeat the pauses of the answer.")
def command(capture: Path, out: Path | None, first: int, at_once: bool) -> None:
    """Make a scenario of CAPTURE: what `streamproof proxy --record`, `curl -i` or `curl -N` wrote, or an HTTP archive.

    It answers what the real server answered, byte for byte, and knows what is right for a client to make of that. Keys
    are taken out, and the ids of accounts and requests replaced.
    """
    import re

    from harness import recorded
    from harness.errors import UsageError
    from harness.options import SCENARIO_FILE
    from harness.plain import plain
    from harness.recording import captured
    from harness.recording.scenario import scenario_of

    name = re.sub(r"[^a-z0-9_]+", "_", capture.stem.lower()).strip("_") or "recorded"
    path = out or capture.with_name(f"{name}{SCENARIO_FILE}")
    if path.suffix != SCENARIO_FILE:
        raise UsageError(f"-o {path}: a scenario's file ends in {SCENARIO_FILE}")
    made = scenario_of(captured.read(capture), path.stem, first=first, keeps_times=not at_once)
    if path.exists() and path.samefile(capture):
        raise UsageError(f"the scenario would overwrite {capture}: name another file with -o")
    written = recorded.write(made.scenario, path.parent)
    click.echo(f"{plain(str(written))}: {plain(made.scenario.title)}")
    for one in made.left_out:
        click.echo(f"left out {plain(one)}")
    for verb in ("show", "serve", "run -k"):
        click.echo(f"  streamproof {verb} {plain(str(written))}")
