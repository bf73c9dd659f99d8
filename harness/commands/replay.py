"""`streamproof replay`."""

from __future__ import annotations

import re
import sys

import click

from harness import completing
from harness.options import report_option, scenario_called, tier_option

_CASE = re.compile(r"(.+\.json|[^@]+)@([^@:]+):(.+)", re.DOTALL)


@click.command()
@click.argument("case", metavar="SCENARIO@CLIENT:SEED", shell_complete=completing.cases)
@click.option(
    "--client",
    default=None,
    metavar="NAME|module:attr|cmd:COMMAND",
    help="The client, where its name is not enough to find it.",
    shell_complete=completing.clients,
)
@click.option(
    "--policy", type=click.Choice(["recover", "raise", "best-effort"]), help="Judge the client by this promise."
)
@tier_option
@report_option
def command(case: str, client: str | None, policy: str | None, tier: str, reports: tuple[str, ...]) -> None:
    """Run one case again, with its seed, and show both sides of it."""
    from harness import catalog
    from harness.errors import UsageError
    from harness.execute import execute, opened_reporters, status_of
    from harness.model import Policy
    from harness.plan import Plan, PlannedCase, Tier
    from harness.show import Replay

    parts = _CASE.fullmatch(case)
    if parts is None:
        raise UsageError(f"{case!r} is no case: expected SCENARIO@CLIENT:SEED, as the report prints it")
    scenario, name, seed = parts.groups()
    adapter = catalog.adapter(client or name)
    judged_by = Policy(policy) if policy else None
    planned = PlannedCase(
        scenario=scenario_called(scenario), adapter=adapter, seed=seed, policy=judged_by or adapter.policy
    )

    asked_for = {adapter.name: client or name}
    alone = Plan(cases=(planned,), seed=seed, policy=judged_by, tier=Tier(tier), asked_for=asked_for)
    with opened_reporters(reports) as reporters:
        table = execute(alone, [Replay(sys.stdout), *reporters])
    raise SystemExit(status_of(table, (adapter.name,)))
