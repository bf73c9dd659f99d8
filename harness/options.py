"""What several commands share: options, and what their values name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from harness import completing

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from harness.findings import Hunted
    from harness.logs import Say
    from harness.model import Scenario

FAILED, USAGE, UNKNOWN, INTERNAL = 1, 2, 3, 70
SCENARIO_FILE = ".json"
"""How the name of a recorded scenario's file ends; it may stand wherever a scenario's id may."""

F = TypeVar("F", bound=Callable[..., Any])


def seed_option(command: F) -> F:
    """Give a command ``--seed``."""
    return click.option("--seed", default=None, help="Seed of texts, faults and jitter; a new one by default.")(command)


def tier_option(command: F) -> F:
    """Give a command ``--tier``."""
    return click.option(
        "--tier",
        type=click.Choice(["live", "sim"]),
        default="live",
        show_default=True,
        help="Where cases run: on real sockets, or in virtual time.",
    )(command)


def select_option(command: F) -> F:
    """Give a command ``-k``."""
    told = (
        "Parts of ids, or numbers (4.12, or 4. for a chapter), with and, or, not; or the file of a recorded scenario."
    )
    return click.option("-k", "select", default="", metavar="EXPR", help=told, shell_complete=completing.selection)(
        command
    )


def report_option(command: F) -> F:
    """Give a command ``--report``."""
    return click.option(
        "--report",
        "reports",
        multiple=True,
        metavar="NAME[=PATH]",
        help="Report to write; may be repeated.",
        shell_complete=completing.reports,
    )(command)


def target_option(command: F) -> F:
    """Give a command ``--client``, for the one that it searches for failures."""
    return click.option(
        "--client",
        default="bundled",
        show_default=True,
        metavar="NAME|module:attr",
        help="Client to break.",
        shell_complete=completing.clients,
    )(command)


def log_option(command: F) -> F:
    """Give a command ``--log-format``."""
    return click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Tell what happens as text, or as one JSON object a line on stderr.",
    )(command)


def metrics_option(command: F) -> F:
    """Give a command ``--metrics-port``."""
    return click.option(
        "--metrics-port",
        type=click.IntRange(0, 65535),
        metavar="PORT",
        help="Expose metrics for Prometheus on this port of 127.0.0.1 while it runs; 0 is any free one.",
    )(command)


@contextmanager
def metrics(port: int | None, say: Say) -> Iterator[CollectorRegistry | None]:
    """The registry of the metrics that are exposed on ``port`` while the block runs; None when there is no port.

    Raises:
        UsageError: the package is missing, or the port cannot be listened on.
    """
    from harness.errors import UsageError

    if port is None:
        yield None
        return
    try:
        from harness.metrics.exposed import exposed
    except ModuleNotFoundError as error:
        way_out = "pip install 'streamproof[prometheus]'"
        raise UsageError(f"--metrics-port needs its package: {way_out} ({error})") from error
    with exposed(port, say) as registry:
        yield registry


def end_quietly_when_nobody_reads() -> None:
    """Let a closed pipe end the process, as it ends any filter; not for commands that run servers."""
    import signal

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def scenario_called(name: str) -> Scenario:
    """The scenario of that id or number, or in that file.

    Raises:
        UsageError: there is none, there is none any more, or its file is malformed.
    """
    from harness import catalog
    from harness.errors import UsageError, unknown_name
    from harness.numbers import NUMBER

    if name.endswith(SCENARIO_FILE):
        from harness import recorded

        return recorded.read(Path(name))
    known = catalog.scenarios()
    called = catalog.numbers().called(name) if NUMBER.fullmatch(name) else name
    if called not in known and called != name:
        raise UsageError(f"scenario {name} was {called}, and is gone; its number is not given again")
    if called not in known:
        raise unknown_name("scenario", name, known)
    return known[called]


def new_seed() -> str:
    """A seed for a run that was given none."""
    import random

    return str(random.SystemRandom().randrange(1_000_000))


def end_search(end: Hunted, seed: str, client: str, say: Say) -> NoReturn:
    """Tell how a search for failures ended, and exit."""
    told: dict[str, Any] = {"seed": seed, "client": client, "failures": end.failures, "doubts": end.doubts}
    message = "the search is interrupted" if end.is_interrupted else "the search is over"
    say(f"seed {seed}: {end.failures} failures of {client}", message, **told)
    raise SystemExit(FAILED if end.failures else UNKNOWN if end.doubts or end.is_interrupted else 0)
