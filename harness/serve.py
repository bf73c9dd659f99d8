"""The scripted server by itself, for curl or any client in any language."""

from __future__ import annotations

import asyncio
import signal
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial

from fake_server.app import Case, FakeServer
from fake_server.clock import SystemClock
from fake_server.dialect import Dialect
from fake_server.record import Requested, Sent, ServerRecord, Waited
from harness import catalog
from harness.asking import MODELS
from harness.errors import UsageError
from harness.judging import Sitting, crowded_out, route
from harness.lateness import Lateness
from harness.lateness import Watch as LatenessWatch
from harness.logs import Say
from harness.model import Endpoint, Scenario
from harness.nemesis import Nemesis, NetworkLayer
from harness.plain import plain
from harness.telling import say_exchange
from harness.timeline import server_line

_CURL = """curl -N {url}/v1/messages \\
  -H 'x-api-key: any' -H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' \\
  -d '{{"model":"{model}","max_tokens":1024,"stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'"""

Watch = Callable[[ServerRecord, str, str], object]
"""Is told what the server did and saw, of which scenario, and under which token."""


async def serve_forever(
    scenario: Scenario | None,
    *,
    host: str,
    port: int,
    seed: str,
    say: Say,
    catalogue: bool = False,
    watch: Watch | None = None,
) -> None:
    """Serve one scenario, or all of the catalogue, until SIGINT or SIGTERM.

    The token in the path is the scenario's id, with ``~anything`` behind it to begin again at attempt 1. What a client
    showed is judged where it is posted to; see :mod:`harness.judging`. A scenario with a broken network is served
    alone, once, on the port of a Toxiproxy, and not judged: what came through, only a run knows. One with a receiver,
    or with several calls of one client, is not served: what goes wrong in it goes wrong there.

    Args:
        catalogue: say the URL of every scenario.
        watch: is told everything as well.

    Raises:
        UsageError: the address cannot be bound, or the scenario cannot be served.
    """
    serving = Serving(scenario, seed, say, watch)
    async with AsyncExitStack() as stack:
        stack.enter_context(serving.watched())
        server = serving.server
        try:
            await server.start(host, port)
        except OSError as error:
            why = f"cannot listen on {host}:{port}: {error.strerror}; name another --host or --port"
            raise UsageError(why) from error
        stack.push_async_callback(server.stop)
        address = await serving.address(f"{host}:{server.port}", stack)
        _introduce(scenario, len(serving.scenarios), f"http://{address}/case", seed, say)
        for name in sorted(serving.scenarios, key=catalog.numbers().place) if catalogue else ():
            number, url = catalog.numbers().of(name), f"http://{address}/case/{name}"
            say(f"{number:>6}  {url}", f"{name} is served", case=name, number=number, url=url)
        await told_to_stop()


class Serving:
    """What is served, and what was seen of it."""

    def __init__(self, scenario: Scenario | None, seed: str, say: Say, told: Watch | None) -> None:
        self._scenario, self._seed, self._say, self._told = scenario, seed, say, told
        self.scenarios = {one.id: one for one in _served(scenario)}
        self.sittings: OrderedDict[str, Sitting] = OrderedDict()
        """By token; the one that was asked of longest ago comes first."""
        self.nemesis: Nemesis | None = None
        self.clock = SystemClock()
        self.server = FakeServer(self.clock, self.resolve, [route(self.sittings, self.forget)])
        self._forgetting: set[asyncio.Task[None]] = set()
        self._watch = LatenessWatch()

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
        sink = partial(self._take, token, found.id)
        sitting = Sitting(scenario=found, seed=self._seed, watch=self._watch, sink=sink)
        if self.nemesis is None:
            self._make_room()
            self.sittings[token] = sitting
        else:
            sitting.case.hold = self.nemesis.follow
        return sitting.case

    def _make_room(self) -> None:
        for token in crowded_out(self.sittings):
            task = asyncio.create_task(self.forget(token))
            self._forgetting.add(task)
            task.add_done_callback(self._forgetting.discard)

    async def forget(self, token: str) -> None:
        """Begin anew with the next request for the token."""
        self.sittings.pop(token, None)
        await self.server.close_case(token)

    def _take(self, token: str, scenario: str, record: ServerRecord) -> None:
        if isinstance(record, Requested) and token in self.sittings:
            self.sittings.move_to_end(token)
        if self._told is not None:
            self._told(record, scenario, token)
        if not isinstance(record, Sent | Waited):
            say_exchange(
                self._say, record, f"{record.t:9.3f}  {plain(token)}  {server_line(record).what}", plain(token)
            )

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


def is_served(scenario: Scenario) -> bool:
    """Whether it is served together with others."""
    return scenario.network is None and _more_than_a_server(scenario) is None


def _more_than_a_server(scenario: Scenario) -> str | None:
    """What it is about that no server can play."""
    if scenario.endpoint is not Endpoint.SERVER:
        return "a server that is never reached"
    if scenario.receiver is not None:
        return "the receiver of an answer"
    return "several calls of one client" if scenario.before else None


def _served(scenario: Scenario | None) -> list[Scenario]:
    """The scenarios that can be served together, or the one that is wanted.

    Raises:
        UsageError: that one cannot be served.
    """
    if scenario is None:
        return [one for one in catalog.scenarios().values() if is_served(one)]
    if about := _more_than_a_server(scenario):
        raise UsageError(f"{scenario.id} is about {about}; it can be run, and not served")
    return [scenario]


async def told_to_stop() -> None:
    """Wait for SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _introduce(scenario: Scenario | None, count: int, base: str, seed: str, say: Say) -> None:
    """Say what is served, where, and how to ask for it."""
    token = scenario.id if scenario is not None else "completion.plain"
    what = scenario.id if scenario else f"{count} scenarios"
    url = f"{base}/{token if scenario else '<scenario>'}"
    say(f"serving {what} with seed {seed}; Ctrl-C ends it", f"serving {what}", base_url=url, seed=seed)
    if scenario is None:
        say.hint("(those with a broken network are served one by one: streamproof serve SCENARIO;")
        say.hint(" those with a receiver, or with several calls of one client, are run, and not served)")
    if scenario is not None and scenario.network is not None:
        say.hint(f"base URL: {base}/{token}   (its network breaks once: start again to begin at attempt 1)")
    else:
        say.hint(f"base URL: {url}   (add ~1, ~2 … to begin again at attempt 1)")
        say.hint(f"          (as OPENAI_BASE_URL: {url}/v1)")
        say.hint(f"judge:    streamproof judge {url} FILE   (what your client showed)")
    say.hint(_CURL.format(url=f"{base}/{token}", model=MODELS[Dialect.ANTHROPIC]))
