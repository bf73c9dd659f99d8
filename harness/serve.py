"""The scripted server by itself, for curl or any client in any language."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from fake_server.app import Case, FakeServer
from fake_server.record import Sent, ServerRecord, Waited
from harness import catalog
from harness.errors import UsageError
from harness.model import Scenario
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

    The token in the path is the scenario's id, with ``~anything`` behind it to begin again at attempt 1.

    Raises:
        UsageError: the address cannot be bound.
    """

    def resolve(token: str) -> Case | None:
        name = token.partition("~")[0]
        found = catalog.scenarios().get(name)
        if found is None or (scenario is not None and name != scenario.id):
            return None
        return Case(script=found.script, seed=f"{seed}/{name}", sink=lambda record: _say(token, record, say))

    server = FakeServer(resolve=resolve)
    try:
        await server.start(host, port)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}; name another --host or --port") from error
    base = f"http://{host}:{server.port}/case"
    token = scenario.id if scenario is not None else "completion.plain"
    what = scenario.id if scenario else f"{len(catalog.scenarios())} scenarios"
    say(f"serving {what} with seed {seed}; Ctrl-C ends it")
    say(f"base URL: {base}/{token if scenario else '<scenario>'}   (add ~1, ~2 … to begin again at attempt 1)")
    say(_CURL.format(url=f"{base}/{token}", model=MODEL))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await stop.wait()
    finally:
        await server.stop()


def _say(token: str, record: ServerRecord, say: Callable[[str], object]) -> None:
    if not isinstance(record, Sent | Waited):
        say(f"{record.t:9.3f}  {plain(token)}  {server_line(record).what}")
