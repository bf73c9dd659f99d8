"""The scripted server by itself, for curl or any client in any language."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial

from fake_server.app import Case, FakeServer
from fake_server.clock import SystemClock
from fake_server.dialect import Dialect
from fake_server.record import Sent, ServerRecord, Waited
from harness import catalog
from harness.asking import MODELS
from harness.errors import UsageError
from harness.judging import Sitting, route
from harness.lateness import Lateness, Watch
from harness.model import Scenario
from harness.nemesis import Nemesis, NetworkLayer
from harness.plain import plain
from harness.timeline import server_line

_CURL = """curl -N {url}/v1/messages \\
  -H 'x-api-key: any' -H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' \\
  -d '{{"model":"{model}","max_tokens":1024,"stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'"""


async def serve_forever(
    scenario: Scenario | None, *, host: str, port: int, seed: str, say: Callable[[str], object], catalogue: bool = False
) -> None:
    """Serve one scenario, or all of the catalogue, until SIGINT or SIGTERM.

    The token in the path is the scenario's id, with ``~anything`` behind it to begin again at attempt 1. What a client
    showed is judged where it is posted to; see :mod:`harness.judging`. A scenario with a broken network is served
    alone, once, on the port of a Toxiproxy, and not judged: what came through, only a run knows. One with a receiver,
    or with several calls of one client, is not served: what goes wrong in it goes wrong there.

    Args:
        catalogue: say the URL of every scenario.

    Raises:
        UsageError: the address cannot be bound, or the scenario cannot be served.
    """
    serving = _Serving(scenario, seed, say)
    async with AsyncExitStack() as stack:
        stack.enter_context(serving.watched())
        server = FakeServer(serving.clock, serving.resolve, [route(serving.sittings)])
        try:
            await server.start(host, port)
        except OSError as error:
            why = f"cannot listen on {host}:{port}: {error.strerror}; name another --host or --port"
            raise UsageError(why) from error
        stack.push_async_callback(server.stop)
        address = await serving.address(f"{host}:{server.port}", stack)
        _introduce(scenario, len(serving.scenarios), f"http://{address}/case", seed, say)
        for name in sorted(serving.scenarios, key=catalog.numbers().place) if catalogue else ():
            say(f"{catalog.numbers().of(name):>6}  http://{address}/case/{name}")
        await told_to_stop()


class _Serving:
    """What is served, and what was seen of it."""

    def __init__(self, scenario: Scenario | None, seed: str, say: Callable[[str], object]) -> None:
        self._scenario, self._seed, self._say = scenario, seed, say
        self.scenarios = {one.id: one for one in _served(scenario)}
        self.sittings: dict[str, Sitting] = {}
        self.nemesis: Nemesis | None = None
        self.clock = SystemClock()
        self._watch = Watch()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """How late this process comes counts for all that is judged."""
        lateness = Lateness(self.clock)
        lateness.start()
        with lateness.watched() as self._watch:
            yield
        lateness.stop()

    def resolve(self, token: str) -> Case | None:
        """The case of a token that was asked for the first time."""
        once = self._scenario is not None and self._scenario.network is not None
        found = self.scenarios.get(token if once else token.partition("~")[0])
        if found is None:
            return None
        sitting = Sitting(scenario=found, seed=self._seed, watch=self._watch, sink=partial(_say, token, say=self._say))
        case = sitting.case()
        if self.nemesis is None:
            self.sittings[token] = sitting
        else:
            case.hold = self.nemesis.follow
        return case

    async def address(self, server: str, stack: AsyncExitStack) -> str:
        """Where clients should connect: to the server, or to the network before it, which goes with ``stack``."""
        scenario = self._scenario
        if scenario is None or scenario.network is None:
            return server
        layer = stack.enter_context(NetworkLayer())
        seed = scenario.drawn_by(self._seed)
        self.nemesis = Nemesis(layer, scenario.id, scenario.network, server, seed=seed, clock=self.clock)
        stack.push_async_callback(self.nemesis.end, 0.0)
        listen = await self.nemesis.begin()
        if listen is None:
            raise UsageError(f"the network of {scenario.id} could not be set up; try again")
        return listen


def _served(scenario: Scenario | None) -> list[Scenario]:
    """The scenarios that can be served together, or the one that is wanted.

    Raises:
        UsageError: that one cannot be served.
    """
    if scenario is None:
        return [one for one in catalog.scenarios().values() if not (one.network or one.receiver or one.before)]
    about = "several calls of one client" if scenario.before else ""
    about = "the receiver of an answer" if scenario.receiver else about
    if about:
        raise UsageError(f"{scenario.id} is about {about}; it can be run, and not served")
    return [scenario]


async def told_to_stop() -> None:
    """Wait for SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _introduce(scenario: Scenario | None, count: int, base: str, seed: str, say: Callable[[str], object]) -> None:
    """Say what is served, where, and how to ask for it."""
    token = scenario.id if scenario is not None else "completion.plain"
    say(f"serving {scenario.id if scenario else f'{count} scenarios'} with seed {seed}; Ctrl-C ends it")
    if scenario is None:
        say("(those with a broken network are served one by one: streamproof serve SCENARIO;")
        say(" those with a receiver, or with several calls of one client, are run, and not served)")
    if scenario is not None and scenario.network is not None:
        say(f"base URL: {base}/{token}   (its network breaks once: start again to begin at attempt 1)")
    else:
        url = f"{base}/{token if scenario else '<scenario>'}"
        say(f"base URL: {url}   (add ~1, ~2 … to begin again at attempt 1)")
        say(f"          (as OPENAI_BASE_URL: {url}/v1)")
        say(f"judge:    streamproof judge {url} FILE   (what your client showed)")
    say(_CURL.format(url=f"{base}/{token}", model=MODELS[Dialect.ANTHROPIC]))


def _say(token: str, record: ServerRecord, *, say: Callable[[str], object]) -> None:
    if not isinstance(record, Sent | Waited):
        say(f"{record.t:9.3f}  {plain(token)}  {server_line(record).what}")
