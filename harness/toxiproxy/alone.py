"""``streamproof toxiproxy``: a server by itself, until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.lateness import calm_collector
from harness.logs import Say
from harness.plain import plain
from harness.toxiproxy.api import Api, base_url
from harness.toxiproxy.embedded import new_event_loop
from harness.toxiproxy.events import Event, Started, Stopped, Struck, Unreachable
from harness.toxiproxy.server import ApiError, Server


def serve(host: str, port: int, *, config: Path | None, seed: str | None, say: Say) -> None:
    """Serve the API on ``host`` and ``port``, with the proxies of the file ``config``.

    Raises:
        UsageError: the file cannot be read or is wrong, or the address cannot be bound.
    """
    _raise_file_limit()
    calm_collector()
    with asyncio.Runner(loop_factory=new_event_loop()) as runner:
        runner.run(_serve(host, port, _read(config), seed, say))


async def _serve(host: str, port: int, config: bytes | None, seed: str | None, say: Say) -> None:
    server = Server(seed, observer=lambda event: _tell(event, say))
    api, stop = Api(server), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await api.start(host, port)
        url = base_url(host, api.port)
        text = f"Toxiproxy API on {url} with seed {server.seed}; Ctrl-C ends it"
        say(text, "the API of Toxiproxy is served", url=url, seed=server.seed)
        if config is not None:
            await server.populate(config)
        await stop.wait()
    except ApiError as error:
        raise UsageError(f"--config: {error.text}") from error
    except OSError as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}; name another --host or --port") from error
    finally:
        await api.stop()


def _read(config: Path | None) -> bytes | None:
    try:
        return config.read_bytes() if config is not None else None
    except OSError as error:
        raise UsageError(f"cannot read {config}: {error.strerror}") from error


def _tell(event: Event, say: Say) -> None:
    match event:
        case Started(proxy=name, listen=listen):
            say(f"{plain(name)}: listens on {listen}", "a proxy listens", proxy=plain(name), listen=listen)
        case Stopped(proxy=name):
            say(f"{plain(name)}: stopped", "a proxy stopped", proxy=plain(name))
        case Unreachable(proxy=name, connection=number, why=why):
            told: dict[str, Any] = {"proxy": plain(name), "connection": number, "why": plain(why)}
            text = f"{plain(name)}: connection {number}: nobody behind the proxy: {plain(why)}"
            say(text, "nobody is behind the proxy", level=logging.WARNING, **told)
        case Struck(proxy=name, connection=number, toxic=toxic, passed=passed, note=note):
            text = f"{plain(name)}: connection {number}: {plain(toxic)} strikes after {passed} bytes {note}".rstrip()
            told = {"proxy": plain(name), "connection": number, "toxic": plain(toxic), "bytes": passed, "note": note}
            say(text, "a toxic strikes", **told)
        case _:
            pass


def _raise_file_limit() -> None:
    """Two descriptors for each connection: take as many as the system gives."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
