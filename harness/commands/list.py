"""`streamproof list`."""

from __future__ import annotations

import click

from harness.options import end_quietly_when_nobody_reads, select_option

_PACKAGES = {
    "clients": "harness.adapters",
    "faults": "fake_server.faults",
    "toxics": "harness.toxiproxy.toxics",
    "reports": "reports",
}
_LISTS = ["scenarios", "laws", "profiles", *_PACKAGES]


@click.command("list")
@click.argument("what", default="scenarios", type=click.Choice(_LISTS))
@select_option
def command(what: str, select: str) -> None:
    """List scenarios by their numbers, clients, laws, faults of replies, toxics, network profiles or reports."""
    end_quietly_when_nobody_reads()
    from harness import catalog
    from harness.plan import selected

    if what == "scenarios":
        scenarios, numbers = catalog.scenarios(), catalog.numbers()
        wanted = sorted(selected(select, scenarios, numbers), key=numbers.place)
        rows = [(f"{numbers.of(name):>6}  {name}", scenarios[name].title) for name in wanted]
    elif what == "laws":
        rows = [(f"{law.code} {law.name}", law.title) for law in catalog.laws()]
    elif what == "profiles":
        from harness.toxiproxy.profiles import PROFILES

        rows = [(name, profile.title) for name, profile in PROFILES.items()]
    else:
        package = _PACKAGES[what]
        rows = [(name, catalog.summary(f"{package}.{name}")) for name in catalog.names(package)]
    width = max((len(name) for name, _ in rows), default=0)
    for name, title in rows:
        click.echo(f"{name:<{width}}  {title}")
