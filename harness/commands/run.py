"""`streamproof run`."""

from __future__ import annotations

import click

from harness.options import SCENARIO_FILE, new_seed, scenario_called, seed_option, select_option, tier_option


@click.command()
@click.option("--client", "clients", multiple=True, metavar="NAME|module:attr", help="Client to test; may be repeated.")
@select_option
@click.option(
    "--policy", type=click.Choice(["recover", "raise", "best-effort"]), help="Judge every client by this promise."
)
@seed_option
@tier_option
@click.option("--jobs", default=64, show_default=True, type=click.IntRange(1, 10_000), help="Cases in flight at once.")
@click.option("--toxiproxy", default="", metavar="URL", help="Use this Toxiproxy for the network, not our own.")
@click.option("--report", "reports", multiple=True, metavar="NAME[=PATH]", help="Report to write; may be repeated.")
@click.option(
    "--gate", multiple=True, metavar="NAME", help="Let only this client decide the exit status; may be repeated."
)
def command(
    clients: tuple[str, ...],
    select: str,
    policy: str | None,
    seed: str | None,
    tier: str,
    jobs: int,
    toxiproxy: str,
    reports: tuple[str, ...],
    gate: tuple[str, ...],
) -> None:
    """Run scenarios against clients and report what their users saw.

    The history always goes to reports/out/history.jsonl, or where --report jsonl=PATH says. Other reports go beside
    it unless they name a path; console goes to the terminal.
    """
    from harness import catalog
    from harness.errors import unknown_name
    from harness.execute import execute, files_of, opened_reporters, status_of
    from harness.model import Policy
    from harness.plan import Tier, plan

    if toxiproxy:
        from harness.nemesis import check

        check(toxiproxy)
    adapters = [catalog.adapter(name) for name in dict.fromkeys(clients or ("bundled",))]
    names = [adapter.name for adapter in adapters]
    for name in gate:
        if name not in names:
            raise unknown_name("client in this run", name, names)
    alone = scenario_called(select) if select.endswith(SCENARIO_FILE) else None
    planned = plan(
        catalog.scenarios() if alone is None else {alone.id: alone},
        adapters,
        seed=seed or new_seed(),
        select=select if alone is None else "",
        policy=Policy(policy) if policy else None,
        jobs=jobs,
        toxiproxy=toxiproxy,
        tier=Tier(tier),
        numbers=catalog.numbers(),
    )
    wanted = reports if any(one.partition("=")[0] == "jsonl" for one in reports) else ("jsonl", *reports)
    wanted = wanted if any(one.partition("=")[0] == "console" for one in reports) else (*wanted, "console")
    with opened_reporters(wanted) as reporters:
        end = execute(planned, reporters)
    click.echo(f"written: {', '.join(str(path) for path in files_of(wanted))}", err=True)
    raise SystemExit(status_of(end, gate or tuple(names)))
