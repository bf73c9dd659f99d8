"""Runs a user's own tests over the catalogue: ``pytest -p harness.pytest_plugin``; see docs/pytest.md.

Hooks and fixtures only. There is no entry point: a suite that has not asked for this plugin never meets it. What it
needs is imported when a test asks for it, so that all others start as quickly as before.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fake_server.clock import Clock
    from fake_server.script import Script
    from harness.hosting import Host, HostedCase
    from harness.marked import Marked
    from harness.model import Scenario
    from harness.toxiproxy.driver import Toxiproxy
    from harness.trial import Concluded, Trial
    from harness.witness import Witness

MARK, SEED = "streamproof", "--streamproof-seed"
_TRIAL: pytest.StashKey[Trial] = pytest.StashKey()
_UNKNOWN = ("streamproof", "unknown")
"""In the user properties of a report whose case could not be judged."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the one option."""
    group = parser.getgroup("streamproof", "tests of streaming clients")
    group.addoption(SEED, default="1", metavar="SEED", help="Seed of texts, faults and jitter (default: 1).")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    arguments = "*patterns, policy, capabilities, dialect, errors"
    told = f"{MARK}({arguments}): run the test for every scenario that matches a pattern"
    config.addinivalue_line("markers", told)


# ---- which cases -----------------------------------------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each scenario that the mark asks for.

    Raises:
        CollectError: the mark is wrong; pytest says so with the name of the test.
    """
    if (mark := metafunc.definition.get_closest_marker(MARK)) is None:
        return
    from harness.errors import UsageError

    where = f"{metafunc.definition.nodeid}: @pytest.mark.{MARK}"
    if "case" not in metafunc.fixturenames:
        raise pytest.Collector.CollectError(f"{where}: the test must take the fixture `case`, to say what its user saw")
    try:
        parameters = list(_parameters(_marked(mark)))
    except UsageError as error:
        raise pytest.Collector.CollectError(f"{where}: {error}") from error
    metafunc.parametrize("case", parameters, indirect=True)


def _marked(mark: pytest.Mark) -> Marked:
    from harness.marked import marked

    return marked(*mark.args, **mark.kwargs)


def _parameters(wanted: Marked) -> Iterator[Any]:
    from harness import catalog
    from harness.plan import matching

    known = catalog.scenarios()
    for name in matching(wanted.patterns, known):
        why = wanted.not_possible(known[name])
        yield pytest.param(known[name], id=name, marks=[pytest.mark.skip(reason=f"{name}: {why}")] if why else [])


# ---- fixtures --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def streamproof_clock() -> Clock:
    """The clock by which the server waits and histories are written."""
    from fake_server.clock import SystemClock

    return SystemClock()


@pytest.fixture(scope="session")
def _streamproof_host(streamproof_clock: Clock) -> Iterator[Host]:
    """Server and network of this process."""
    from harness.hosting import Host

    with Host(streamproof_clock) as host:
        yield host


@pytest.fixture
def case(request: pytest.FixtureRequest, _streamproof_host: Host) -> Iterator[Witness]:
    """Where the client under test finds its server, and where the test says what its user saw."""
    from harness.trial import NetworkMissing, Trial, environment

    mark = request.node.get_closest_marker(MARK)
    if mark is None or not hasattr(request, "param"):
        pytest.fail(f'the fixture `case` is for tests with @pytest.mark.{MARK}("cutoff.*")', pytrace=False)
    wanted, scenario = _marked(mark), request.param
    planned = wanted.planned(scenario, request.node.originalname, request.config.getoption(SEED))
    try:
        trial = Trial(_streamproof_host, planned, wanted.errors, _commands(request.node, scenario))
    except NetworkMissing as error:
        _say_unknown(request.node, str(error))
    request.node.stash[_TRIAL] = trial
    try:
        with environment(trial.witness.job):
            yield trial.witness
    finally:
        trial.hosted.close()
        del request.node.stash[_TRIAL]


@pytest.fixture
def streamproof_server(_streamproof_host: Host, request: pytest.FixtureRequest) -> Iterator[Callable[..., HostedCase]]:
    """Serves scripts of the test's own: ``streamproof_server(script(Answer()))`` gives a case with its ``job``."""
    from harness.marked import marked
    from harness.model import Expect, Scenario

    with ExitStack() as stack:

        def serve(script: Script, **more: Any) -> HostedCase:
            scenario = Scenario(name="own", family="own", title="A test's own.", script=script, expect=Expect(), **more)
            seed = request.config.getoption(SEED)
            hosted = _streamproof_host.open(marked().planned(scenario, request.node.originalname, seed))
            stack.callback(hosted.close)
            return hosted

        yield serve


@pytest.fixture(scope="session")
def _streamproof_toxiproxy() -> Iterator[Toxiproxy]:
    from harness.toxiproxy.driver import Toxiproxy
    from harness.toxiproxy.embedded import EmbeddedToxiproxy

    with EmbeddedToxiproxy() as embedded:
        yield Toxiproxy(embedded.url)


@pytest.fixture
def streamproof_proxy(_streamproof_toxiproxy: Toxiproxy) -> Iterator[Toxiproxy]:
    """A Toxiproxy without proxies, for a network of the test's own."""
    yield _streamproof_toxiproxy
    for proxy in _streamproof_toxiproxy.proxies().values():
        proxy.delete()


def _commands(item: pytest.Function, scenario: Scenario) -> list[str]:
    """What a person can type to see the case again."""
    args = item.config.invocation_params.args
    loaded = "-p harness.pytest_plugin " if any("harness.pytest_plugin" in str(one) for one in args) else ""
    seed = shlex.quote(item.config.getoption(SEED))
    return [
        f"again:      pytest {loaded}{SEED} {seed} {shlex.quote(item.nodeid)}",
        f"its bytes:  streamproof show {scenario.id} --seed {seed}",
        f"by hand:    streamproof serve {scenario.id} --seed {seed}",
    ]


# ---- the call, and what is said of it --------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Give the call its time, and end the test as its case ends."""
    trial = pyfuncitem.stash.get(_TRIAL, None)
    if trial is None:
        return (yield)
    from harness.waking import NotStopped, waking

    result: object = True
    try:
        with waking() as wake:
            trial.hosted.begin(wake)
            result = yield
    except NotStopped:
        pass  # its time was up long ago, and the case says so
    except Exception:
        if not trial.is_late:  # otherwise it is the harness that broke the client's connections
            pyfuncitem.add_report_section("call", "streamproof", trial.story())
            raise
    _end(pyfuncitem, trial.conclude())
    return result


@pytest.hookimpl(specname="pytest_pyfunc_call")
def pytest_pyfunc_call_async(pyfuncitem: pytest.Function) -> object:
    """Run an async test for which no other plugin cares."""
    if _TRIAL not in pyfuncitem.stash or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    import asyncio

    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


def _end(item: pytest.Item, concluded: Concluded) -> None:
    from harness.verdict import Verdict

    match concluded.verdict:
        case Verdict.FAIL:
            pytest.fail(concluded.text, pytrace=False)
        case Verdict.UNKNOWN:
            _say_unknown(item, concluded.text)
        case Verdict.SKIP:
            pytest.skip(concluded.text)
        case Verdict.PASS:
            pass


def _say_unknown(item: pytest.Item, why: str) -> None:
    """End the test as one that tells nothing: it may neither count as passed nor accuse anybody."""
    item.user_properties.append(_UNKNOWN)
    pytest.skip(f"UNKNOWN: {why}")


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, Any] | None:
    """Count what could not be judged apart from what was skipped."""
    if report.skipped and isinstance(report, pytest.TestReport) and _is_unknown(report):
        return "unknown", "?", ("UNKNOWN", {"yellow": True})
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say of each unknown case why; without being asked, as it is no pass."""
    reports = terminalreporter.getreports("unknown")
    if reports:
        terminalreporter.section("streamproof: could not be judged, and proves nothing")
    for report in reports:
        _, _, why = report.longrepr
        terminalreporter.write_line(f"{report.nodeid}: {why.removeprefix('Skipped: ')}")


def _is_unknown(report: pytest.TestReport) -> bool:
    return any(tuple(one) == _UNKNOWN for one in report.user_properties)
