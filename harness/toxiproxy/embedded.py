"""A server in a thread and an event loop of its own, so that a synchronous client in this process never hangs.

>>> with EmbeddedToxiproxy() as toxiproxy:
...     toxiproxy.url
'http://127.0.0.1:...'
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import threading
from collections.abc import Callable
from typing import Self

from harness.toxiproxy.address import LOOPBACK
from harness.toxiproxy.api import Api, base_url
from harness.toxiproxy.events import Observer
from harness.toxiproxy.server import Server


def new_event_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes event loops: uvloop where it is installed, asyncio otherwise."""
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    return factory


class EmbeddedToxiproxy:
    """A Toxiproxy on a port of this machine, from ``with`` to the end of the block.

    Args:
        port: of the API; 0 is any free one.
        seed: see :class:`~harness.toxiproxy.server.Server`.
        observer: told of every event, bytes included, in the server's thread.
        new_loop: makes the event loop; by default :func:`new_event_loop` decides.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        seed: str | None = None,
        observer: Observer | None = None,
        new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> None:
        self._port, self._seed, self._observer = port, seed, observer
        self._new_loop = new_loop or new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="toxiproxy", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._error: BaseException | None = None
        self.url = ""
        """Base URL of the API."""

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._new_loop) as runner:
                runner.run(self._serve())
        except OSError as error:
            self._error = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        api = Api(Server(self._seed, self._observer, carries=True))
        try:
            await api.start(LOOPBACK, self._port)
            self.url = base_url(LOOPBACK, api.port)
            self._started.set()
            await self._stop.wait()
        finally:
            await api.stop()
