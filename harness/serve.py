"""The scripted server by itself, for curl or any client in any language."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from fake_server.app import Case, FakeServer
from fake_server.clock import SystemClock
from fake_server.record import Sent, ServerRecord, Waited
from harness import catalog
from harness.errors import UsageError
from harness.model import Scenario
from harness.nemesis import Nemesis, NetworkLayer
from harness.plain import plain
from harness.plan import MODEL
from harness.timeline import server_line

_CURL = """curl -N {url}/v1/messages \\
  -H 'x-api-key: any' -H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' \\
  -d '{{"model":"{model}","max_tokens":1024,"stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'"""


async def serve_forever(
    scenario: Scenario | None, *, host: str, port: int, seed: str, say: Callable[[str], object]
) -> None:
    """Serve one scenario, or all of the catalogue, until SIGINT or SIGTERM.

    The token in the path is the scenario's id, with ``~anything`` behind it to begin again at attempt 1. A scenario
    with a broken network is served alone, once, on the port of a Toxiproxy. One with a receiver is not served: what
    goes wrong in it goes wrong there.

    Raises:
        UsageError: the address cannot be bound, or the scenario has a receiver.
    """
    if scenario is not None and scenario.receiver is not None:
        raise UsageError(f"{scenario.id} is about the receiver of an answer; it can be run, and not served")
    if scenario is not None and scenario.before:
        raise UsageError(f"{scenario.id} is about several calls of one client; it can be run, and not served")
    served = {one.id: one for one in ([scenario] if scenario else catalog.scenarios().values())}
    if scenario is None:
        served = {name: one for name, one in served.items() if not (one.network or one.receiver or one.before)}

    def resolve(token: str) -> Case | None:
        found = served.get(token if scenario and scenario.network else token.partition("~")[0])
        if found is None:
            return None
        case = Case(script=found.script, seed=found.drawn_by(seed), sink=lambda record: _say(token, record, say))
        case.hold = nemesis.follow if nemesis is not None else None
        return case

    server, layer, nemesis = FakeServer(resolve=resolve), NetworkLayer(), None
    try:
        await server.start(host, port)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}; name another --host or --port") from error
    address = f"{host}:{server.port}"
    with layer:
        if scenario is not None and scenario.network is not None:
            nemesis = Nemesis(
                layer, scenario.id, scenario.network, address, seed=scenario.drawn_by(seed), clock=SystemClock()
            )
            address = await nemesis.begin() or ""
            if not address:
                raise UsageError(f"the network of {scenario.id} could not be set up; try again")
        _introduce(scenario, len(served), f"http://{address}/case", seed, say)
        try:
            await told_to_stop()
        finally:
            if nemesis is not None:
                await nemesis.end(0.0)
            await server.stop()


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
        say(f"base URL: {base}/{token if scenario else '<scenario>'}   (add ~1, ~2 … to begin again at attempt 1)")
    say(_CURL.format(url=f"{base}/{token}", model=MODEL))


def _say(token: str, record: ServerRecord, say: Callable[[str], object]) -> None:
    if not isinstance(record, Sent | Waited):
        say(f"{record.t:9.3f}  {plain(token)}  {server_line(record).what}")
