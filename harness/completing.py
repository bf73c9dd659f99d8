"""What a shell offers where the command line wants a name of ours: scenarios, clients, laws, reports.

A shell asks while somebody types, so nothing is said of what is wrong: where the catalogue cannot be read, nothing is
offered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from harness.errors import StreamproofError

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _offers(found: Callable[[], Iterable[tuple[str, str]]]) -> Complete:
    """A completion from names, each with what it is."""

    def complete(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        try:
            return [CompletionItem(name, help=told) for name, told in found() if name.startswith(typed)]
        except StreamproofError:
            return []

    return complete


def _scenarios() -> Iterable[tuple[str, str]]:
    from harness import catalog

    return [(name, one.title) for name, one in catalog.scenarios().items()]


def _clients() -> Iterable[tuple[str, str]]:
    from harness import catalog

    return [(name, "") for name in (*catalog.clients(), catalog.ALL)]


def _programs() -> Iterable[tuple[str, str]]:
    from harness.environments import programs

    return [(name, "") for name in programs()]


def _laws() -> Iterable[tuple[str, str]]:
    from harness import catalog

    return [(law.code, law.title) for law in catalog.laws()]


def _reports() -> Iterable[tuple[str, str]]:
    from harness import catalog

    return [(name, catalog.summary(f"reports.{name}")) for name in catalog.names("reports")]


scenarios = _offers(_scenarios)
"""Ids of scenarios."""
clients = _offers(_clients)
"""Names of the clients that ship."""
programs = _offers(_programs)
"""Names of those that are installed with ``streamproof clients install``."""
laws = _offers(_laws)
"""Codes of laws."""
reports = _offers(_reports)
"""Names of reports."""


def selection(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Families and ids for the last word of ``-k``."""
    before, last = re.fullmatch(r"(.*\s)?(\S*)", typed, re.DOTALL).groups("")  # type: ignore[union-attr]
    found = scenarios(context, parameter, last)
    families = dict.fromkeys(f"{one.value.partition('.')[0]}." for one in found if "." not in last)
    offered = [CompletionItem(one) for one in families] or found
    return [CompletionItem(f"{before}{one.value}", help=one.help) for one in offered]


def cases(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Cases: the id of a scenario, then its client; the seed is the run's."""
    scenario, at, client = typed.partition("@")
    if not at:
        return [CompletionItem(f"{one.value}@", help=one.help) for one in scenarios(context, parameter, scenario)]
    return [CompletionItem(f"{scenario}@{one.value}:") for one in clients(context, parameter, client)]
