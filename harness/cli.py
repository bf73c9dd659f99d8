"""The command line. Commands import what they need when they run, so that ``--help`` is quick.

Exit status: 0 all passed; 1 a client failed a scenario; 2 wrong usage; 3 nothing failed and something is unknown; 70
a fault of streamproof.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar

import click

if TYPE_CHECKING:
    from harness.events import RunFinished
    from harness.findings import Hunted
    from harness.model import Scenario
    from harness.plan import Plan
    from harness.reporter import Reporter

FAILED, USAGE, UNKNOWN, INTERNAL = 1, 2, 3, 70
HISTORY = "reports/out/history.jsonl"
_FILE = ".json"
"""How the name of a recorded scenario's file ends; it may stand wherever a scenario's id may."""
_CASE = re.compile(r"(.+\.json|[^@]+)@([^@:]+):(.+)", re.DOTALL)

_PACKAGES = {
    "clients": "harness.adapters",
    "faults": "fake_server.faults",
    "toxics": "harness.toxiproxy.toxics",
    "reports": "reports",
}
_LISTS = ["scenarios", "laws", "profiles", *_PACKAGES]

F = TypeVar("F", bound=Callable[..., Any])


def main() -> None:
    """Entry point of ``streamproof``: maps every error to its exit status."""
    from harness.errors import UsageError

    try:
        status = cli.main(standalone_mode=False)
    except UsageError as error:
        status = _complain(str(error), USAGE)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.Abort:
        status = _complain("interrupted", 130)
    except Exception as error:
        import traceback

        traceback.print_exc()
        status = _complain(f"internal error: {type(error).__name__}: {error}; this is a fault of streamproof", INTERNAL)
    sys.exit(status or 0)


def _end_quietly_when_nobody_reads() -> None:
    """Let a closed pipe end the process, as it ends any filter; not for commands that run servers."""
    import signal

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def _complain(message: str, status: int) -> int:
    from harness.plain import plain

    click.echo(f"streamproof: {plain(message)}", err=True)
    return status


class _Commands(click.Group):
    """Names the closest command when there is none of that name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            from harness.errors import unknown_name

            raise unknown_name("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="streamproof")
def cli() -> None:
    """Chaos testing for LLM streaming clients: run scenarios, and see what a client's user would have seen."""


def _seed_option(command: F) -> F:
    return click.option("--seed", default=None, help="Seed of texts, faults and jitter; a new one by default.")(command)


def _tier_option(command: F) -> F:
    return click.option(
        "--tier",
        type=click.Choice(["live", "sim"]),
        default="live",
        show_default=True,
        help="Where cases run: on real sockets, or in virtual time.",
    )(command)


def _select_option(command: F) -> F:
    told = "Parts of ids, with and, or, not; or the file of a recorded scenario."
    return click.option("-k", "select", default="", metavar="EXPR", help=told)(command)


@cli.command()
@click.option("--client", "clients", multiple=True, metavar="NAME|module:attr", help="Client to test; may be repeated.")
@_select_option
@click.option(
    "--policy", type=click.Choice(["recover", "raise", "best-effort"]), help="Judge every client by this promise."
)
@_seed_option
@_tier_option
@click.option("--jobs", default=64, show_default=True, type=click.IntRange(1, 10_000), help="Cases in flight at once.")
@click.option("--toxiproxy", default="", metavar="URL", help="Use this Toxiproxy for the network, not our own.")
@click.option("--report", "reports", multiple=True, metavar="NAME[=PATH]", help="Report to write; may be repeated.")
@click.option(
    "--gate", multiple=True, metavar="NAME", help="Let only this client decide the exit status; may be repeated."
)
def run(
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
    alone = _scenario(select) if select.endswith(_FILE) else None
    planned = plan(
        catalog.scenarios() if alone is None else {alone.id: alone},
        adapters,
        seed=seed or _new_seed(),
        select=select if alone is None else "",
        policy=Policy(policy) if policy else None,
        jobs=jobs,
        toxiproxy=toxiproxy,
        tier=Tier(tier),
    )
    wanted = reports if any(one.partition("=")[0] == "jsonl" for one in reports) else ("jsonl", *reports)
    wanted = wanted if any(one.partition("=")[0] == "console" for one in reports) else (*wanted, "console")
    with _reporters(wanted) as reporters:
        end = _execute(planned, reporters)
    click.echo(f"written: {', '.join(str(path) for path in _files(wanted))}", err=True)
    raise SystemExit(_status(end, gate or tuple(names)))


@cli.command()
@click.option("--client", default="bundled", show_default=True, metavar="NAME|module:attr", help="Client to break.")
@click.option("--examples", type=click.IntRange(1), help="Cases to run; 10,000 by default, if no --minutes are given.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Time to look for failures.")
@_seed_option
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 1_000), help="Processes.")
@click.option("--shard", default="1/1", show_default=True, metavar="I/N", help="Run the I-th of N parts only.")
@click.option("--dask", default="", metavar="URL", help="Run the parts on the workers of this Dask scheduler.")
@click.option("--database", default="", metavar="DIR|redis://…", help="Known failures, shared; they are tried first.")
@click.option("--fresh", is_flag=True, help="Begin anew; otherwise an interrupted campaign goes on.")
@click.option("--record", type=click.Path(path_type=Path), help="Folder for failures; scenarios/recorded by default.")
def fuzz(
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
) -> None:
    """Look for failures nobody has thought of: draw scenarios, run them in virtual time, shrink what fails.

    Each distinct failure is told once, in its simplest case, confirmed on real sockets, and written down as a scenario.
    The same seed gives the same cases and the same failures, on one process or on many.
    """
    from rich.console import Console

    from harness import catalog
    from harness.campaign import Campaign
    from harness.hunt import Options, hunt

    campaign = Campaign(
        client=client,
        seed=seed or _new_seed(),
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
    end = hunt(options, Console(soft_wrap=True))
    _end_search(end, campaign.seed, client)


def _end_search(end: Hunted, seed: str, client: str) -> NoReturn:
    click.echo(f"seed {seed}: {end.failures} failures of {client}", err=True)
    raise SystemExit(FAILED if end.failures else UNKNOWN if end.doubts or end.is_interrupted else 0)


@cli.command()
@click.argument("sweeps", nargs=-1, type=click.Choice(["splits", "cuts", "pairs"]))
@click.option("--client", default="bundled", show_default=True, metavar="NAME|module:attr", help="Client to break.")
@_seed_option
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 1_000), help="Processes.")
@click.option("--bytes", "size", default=4096, show_default=True, type=click.IntRange(1, 1 << 16), help="Size.")
@click.option("--record", type=click.Path(path_type=Path), help="Folder for failures; scenarios/recorded by default.")
def sweep(sweeps: tuple[str, ...], client: str, seed: str | None, jobs: int, size: int, record: Path | None) -> None:
    """Run every case of a kind, in virtual time; all three kinds when none is named.

    splits: a stream in two parts, at every byte. cuts: a stream that ends at every byte, in four ways. pairs: every two
    kinds of fault at once, in each state of the reply. Each distinct failure is told once, and kept as fuzz keeps it.
    """
    from rich.console import Console

    from harness import catalog
    from harness.sweep import Sweep
    from harness.sweeping import Options
    from harness.sweeping import sweep as sweep_all

    options = Options(
        client=client,
        seed=seed or _new_seed(),
        sweeps=tuple(map(Sweep, dict.fromkeys(sweeps))) or tuple(Sweep),
        size=size,
        jobs=jobs,
        record=record or catalog.RECORDED,
    )
    end = sweep_all(options, Console(soft_wrap=True))
    _end_search(end, options.seed, client)


@cli.command("list")
@click.argument("what", default="scenarios", type=click.Choice(_LISTS))
@_select_option
def list_(what: str, select: str) -> None:
    """List scenarios, clients, laws, faults of replies, toxics, network profiles or reports."""
    _end_quietly_when_nobody_reads()
    from harness import catalog
    from harness.plan import selected

    if what == "scenarios":
        scenarios = catalog.scenarios()
        rows = [(name, scenarios[name].title) for name in selected(select, scenarios)]
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


@cli.command()
@click.argument("scenario")
@_seed_option
def show(scenario: str, seed: str | None) -> None:
    """Show a scenario: what goes wrong, what is expected, and the exact bytes of every attempt."""
    _end_quietly_when_nobody_reads()
    from harness.show import shown

    for line in shown(_scenario(scenario), seed or "0"):
        click.echo(line)


@cli.command()
@click.argument("code")
def explain(code: str) -> None:
    """Explain a law by its code or name, such as SP02."""
    _end_quietly_when_nobody_reads()
    from harness import catalog

    law = catalog.law(code)
    click.echo(f"{law.code} {law.name}\n\n{law.text}")


@cli.command()
@click.argument("case", metavar="SCENARIO@CLIENT:SEED")
@click.option(
    "--client", default=None, metavar="NAME|module:attr", help="The client, where its name is not enough to find it."
)
@click.option(
    "--policy", type=click.Choice(["recover", "raise", "best-effort"]), help="Judge the client by this promise."
)
@_tier_option
@click.option("--report", "reports", multiple=True, metavar="NAME[=PATH]", help="Report to write; may be repeated.")
def replay(case: str, client: str | None, policy: str | None, tier: str, reports: tuple[str, ...]) -> None:
    """Run one case again, with its seed, and show both sides of it."""
    from harness import catalog
    from harness.errors import UsageError
    from harness.model import Policy
    from harness.plan import Plan, PlannedCase, Tier
    from harness.show import Replay

    parts = _CASE.fullmatch(case)
    if parts is None:
        raise UsageError(f"{case!r} is no case: expected SCENARIO@CLIENT:SEED, as the report prints it")
    scenario, name, seed = parts.groups()
    adapter = catalog.adapter(client or name)
    judged_by = Policy(policy) if policy else None
    planned = PlannedCase(scenario=_scenario(scenario), adapter=adapter, seed=seed, policy=judged_by or adapter.policy)

    alone = Plan(cases=(planned,), seed=seed, policy=judged_by, tier=Tier(tier))
    with _reporters(reports) as reporters:
        end = _execute(alone, [Replay(sys.stdout), *reporters])
    raise SystemExit(_status(end, (adapter.name,)))


@cli.command()
@click.argument("name")
@click.argument("history", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; the standard output by default.")
@click.option("--rejudge", is_flag=True, help="Judge the recorded cases again, by the laws of today.")
def report(name: str, history: Path, output: Path | None, rejudge: bool) -> None:
    """Make report NAME from a run's history, also from one that was killed."""
    _end_quietly_when_nobody_reads()
    from harness import catalog, journal

    make = catalog.reporter(name)
    recorded = journal.read(history)
    # All of it is read before anything is written, perhaps over it.
    events = list(journal.judged_again(recorded, catalog.laws()) if rejudge else recorded)
    with ExitStack() as stack:
        reporter = make(stack.enter_context(_opened(output)) if output else sys.stdout)
        for event in events:
            reporter.take(event)


@cli.command()
@click.argument("scenario", required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, help="Port to listen on; any free one by default.")
@_seed_option
def serve(scenario: str | None, host: str, port: int, seed: str | None) -> None:
    """Serve SCENARIO (or all of them) to curl or to any client, and print each request as it comes."""
    import asyncio

    from harness.serve import serve_forever

    one = _scenario(scenario) if scenario else None
    asyncio.run(serve_forever(one, host=host, port=port, seed=seed or "0", say=click.echo))


@cli.command("toxiproxy")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the API.")
@click.option("--port", default=8474, show_default=True, help="Port of the API; 0 is any free one.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="JSON file with an array of proxies, as /populate takes it."
)
@_seed_option
def toxiproxy_(host: str, port: int, config: Path | None, seed: str | None) -> None:
    """Serve TCP proxies with toxics, by the API of Toxiproxy 2.12, to any of its clients."""
    from harness.toxiproxy.alone import serve

    serve(host, port, config=config, seed=seed, say=click.echo)


def _part(shard: str) -> tuple[int, int]:
    """Number and count in ``3/10``."""
    from harness.errors import UsageError

    number, _, count = shard.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise UsageError(f"--shard {shard!r}: expected I/N with I from 1 to N, such as 3/10")


def _scenario(name: str) -> Scenario:
    """The scenario of that id, or in that file."""
    from harness import catalog
    from harness.errors import unknown_name

    if name.endswith(_FILE):
        from harness import recorded

        return recorded.read(Path(name))
    known = catalog.scenarios()
    if name not in known:
        raise unknown_name("scenario", name, known)
    return known[name]


def _new_seed() -> str:
    import random

    return str(random.SystemRandom().randrange(1_000_000))


def _files(wanted: Iterable[str]) -> Iterator[Path]:
    """The files that these reports go to, in their order; the console has none unless it names one."""
    from harness import catalog

    for one in wanted:
        name, _, path = one.partition("=")
        if name != "console" or path:
            yield Path(path or (HISTORY if name == "jsonl" else f"reports/out/report.{catalog.reporter(name).suffix}"))


@contextmanager
def _reporters(wanted: Iterable[str]) -> Iterator[list[Reporter]]:
    """Open every wanted report, ``NAME`` or ``NAME=PATH``; the files are closed at the end, whatever happens."""
    from harness import catalog

    made = [(one, catalog.reporter(one.partition("=")[0])) for one in wanted]
    with ExitStack() as stack:
        opened: list[Reporter] = []
        for one, make in made:
            path = next(_files([one]), None)
            opened.append(make(stack.enter_context(_opened(path)) if path is not None else sys.stdout))
        yield opened


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    from harness.errors import UsageError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        out = path.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    with out:
        yield out


def _execute(planned: Plan, reporters: Iterable[Reporter]) -> RunFinished:
    """Run the plan, feeding every reporter; Ctrl-C ends it early and in order."""
    import asyncio
    import signal

    from harness import catalog, engine
    from harness.events import RunFinished

    reporters = list(reporters)

    async def consume() -> RunFinished:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
        end = RunFinished(counts={})
        async for event in engine.run(planned, catalog.laws(), stop=stop):
            for reporter in reporters:
                reporter.take(event)
            end = event if isinstance(event, RunFinished) else end
        return end

    return asyncio.run(consume())


def _status(end: RunFinished, gate: tuple[str, ...]) -> int:
    from harness.verdict import Verdict

    counts = [end.counts.get(name, {}) for name in gate]
    if any(one.get(Verdict.FAIL) for one in counts):
        return FAILED
    return UNKNOWN if end.interrupted or any(one.get(Verdict.UNKNOWN) for one in counts) else 0
