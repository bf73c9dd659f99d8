"""`streamproof run`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from harness import completing
from harness.options import (
    SCENARIO_FILE,
    log_option,
    metrics,
    metrics_option,
    new_seed,
    report_option,
    scenario_called,
    seed_option,
    select_option,
    tier_option,
)

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from harness.expectations import Expectations
    from harness.logs import Say
    from harness.reporter import Table, Watcher


@click.command()
@click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="NAME|module:attr|cmd:COMMAND|all",
    shell_complete=completing.clients,
    help="Client to test; may be repeated. Of all, those that are not installed are skipped.",
)
@select_option
@click.option(
    "--policy", type=click.Choice(["recover", "raise", "best-effort"]), help="Judge every client by this promise."
)
@seed_option
@tier_option
@click.option("--jobs", default=64, show_default=True, type=click.IntRange(1, 10_000), help="Cases in flight at once.")
@click.option(
    "--tries",
    default=1,
    show_default=True,
    type=click.IntRange(1, 100),
    help="Try a case that fails or is unknown up to so often, with few beside it.",
)
@click.option("--toxiproxy", default="", metavar="URL", help="Use this Toxiproxy for the network, not our own.")
@report_option
@click.option(
    "--gate",
    multiple=True,
    metavar="NAME",
    help="Let only this client decide the exit status; may be repeated.",
    shell_complete=completing.clients,
)
@click.option(
    "--expect", type=click.Path(path_type=Path), help="File of known failures; all others decide the exit status."
)
@click.option(
    "--write-expect",
    type=click.Path(path_type=Path),
    help="File of known failures to write, or to bring up to date: add what fails, drop what passes.",
)
@click.option("-v", "--verbose", is_flag=True, help="Print a mark for every case, and every failure by itself.")
@click.option("--watch", is_flag=True, help="Run again whenever the client, the catalogue or streamproof changes.")
@metrics_option
@log_option
def command(
    clients: tuple[str, ...],
    select: str,
    policy: str | None,
    seed: str | None,
    tier: str,
    jobs: int,
    tries: int,
    toxiproxy: str,
    reports: tuple[str, ...],
    gate: tuple[str, ...],
    expect: Path | None,
    write_expect: Path | None,
    verbose: bool,
    watch: bool,
    metrics_port: int | None,
    log_format: str,
) -> None:
    """Run scenarios against clients and report what their users saw.

    The history always goes to reports/out/history.jsonl, or where --report jsonl=PATH says. Other reports go beside
    it unless they name a path; console, marks and github go to the standard output.
    """
    from harness import catalog, logs
    from harness.errors import unknown_name
    from harness.execute import execute, files_of, opened_reporters, status_of
    from harness.model import Policy
    from harness.plan import Tier, plan

    say = logs.say(log_format, "run", err=True)
    if watch:
        named = [Path(select)] if select.endswith(SCENARIO_FILE) else []
        named += [expect] if expect is not None and expect != write_expect else []
        _watch(clients, seed, named, say)
    if toxiproxy:
        from harness.nemesis import check

        check(toxiproxy)
    adapters = catalog.adapters(clients or ("bundled",))
    names = [adapter.name for adapter in adapters.values()]
    for name in gate:
        if name not in names:
            raise unknown_name("client in this run", name, names)
    alone = scenario_called(select) if select.endswith(SCENARIO_FILE) else None
    planned = plan(
        catalog.scenarios() if alone is None else {alone.id: alone},
        adapters.values(),
        seed=seed or new_seed(),
        select=select if alone is None else "",
        policy=Policy(policy) if policy else None,
        jobs=jobs,
        toxiproxy=toxiproxy,
        tier=Tier(tier),
        tries=tries,
        numbers=catalog.numbers(),
        gate=gate,
        asked_for={adapter.name: said for said, adapter in adapters.items()},
    )
    expected = _checked(expect) if expect is not None else None
    to_write = _to_write(write_expect) if write_expect is not None else None
    wanted = reports if any(one.partition("=")[0] == "jsonl" for one in reports) else ("jsonl", *reports)
    wanted = _with_one_on_screen(wanted, verbose=verbose)
    for note in expected.absences(names) if expected is not None else ():
        say(f"note: {expect}: {note}", file=str(expect))
    with opened_reporters(wanted) as reporters, metrics(metrics_port, say) as registry:
        table = execute(planned, [*reporters, *_watchers(registry, say)], expected)
    written = [str(path) for path in files_of(wanted)]
    say(f"written: {', '.join(written)}", "reports are written", files=written)
    if write_expect is not None and to_write is not None:
        _write(write_expect, to_write, table, say)
    raise SystemExit(status_of(table, gate or tuple(names)))


def _with_one_on_screen(reports: tuple[str, ...], *, verbose: bool) -> tuple[str, ...]:
    """These reports, and the one that a run prints where none of them is that."""
    if verbose:
        return (*(one for one in reports if one not in ("console", "marks")), "marks")
    return reports if any(one.partition("=")[0] in ("console", "marks") for one in reports) else (*reports, "console")


def _watch(clients: tuple[str, ...], seed: str | None, files: list[Path], say: Say) -> NoReturn:
    """Run this very command again and again, each time in a process of its own."""
    from harness.watch import again_and_again, watched

    words = [word for word in sys.argv[1:] if word != "--watch"]
    if seed is None:
        words += ["--seed", new_seed()]  # one for all runs: what differs is what was changed
    again_and_again(words, watched(clients, files), say)
    raise SystemExit(0)


def _watchers(registry: CollectorRegistry | None, say: Say) -> Iterator[Watcher]:
    """Who else is told what happens."""
    from harness.telling import RunLog

    yield RunLog(say)
    if registry is not None:
        from harness.metrics.runs import RunMetrics

        yield RunMetrics(registry)


def _checked(path: Path) -> Expectations:
    """The known failures in the file, all of scenarios that there are."""
    from harness import catalog, recorded
    from harness.execute import expected_by

    expected = expected_by(path)
    expected.check_scenarios(catalog.scenarios(), recorded.FAMILY, str(path))
    return expected


def _to_write(path: Path) -> Expectations:
    """What the file says so far. It is made here, so that no run ends with a file that cannot be written."""
    from harness.execute import opened

    with opened(path, "a"):
        return _checked(path)


def _write(path: Path, file: Expectations, table: Table, say: Say) -> None:
    """Bring the file up to date."""
    from harness.execute import opened
    from harness.expectations import updated

    update = updated(file, table.cases())
    with opened(path) as out:
        out.write(update.file.blocks.text)
    say(f"written: {path}: {update.told}", "known failures are written", file=str(path), told=update.told)
