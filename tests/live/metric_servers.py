"""The real servers that metrics and incidents are for, each a process of its own on a free port of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
from live.toxiproxies import free_port
from prometheus_client import CollectorRegistry, make_wsgi_app

TOOLS = Path(__file__).parents[2] / ".tools" / "bin"
PROMETHEUS = shutil.which("prometheus", path=f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}")
HAS_KENT = find_spec("kent") is not None

_CONFIG = """\
scrape_configs:
  - job_name: streams
    scrape_interval: 100ms
    scrape_timeout: 100ms
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is ended, by its own id, when its test is over."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            yield child
        finally:
            child.terminate()


@contextmanager
def prometheus(registry: CollectorRegistry, folder: Path) -> Iterator[httpx.Client]:
    """A Prometheus server that has scraped ``registry``; gives a client of its HTTP API."""
    with exposed(registry) as (port, scraped):
        config, listen = folder / "prometheus.yml", f"127.0.0.1:{free_port()}"
        config.write_text(_CONFIG.format(port=port))
        flags = (f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={listen}")
        with process(str(PROMETHEUS), *flags), httpx.Client(base_url=f"http://{listen}", trust_env=False) as api:
            # What the first scrape brought is stored before the second one begins.
            assert scraped(2), "prometheus did not scrape"
            yield api


@contextmanager
def exposed(registry: CollectorRegistry) -> Iterator[tuple[int, Callable[[int], bool]]]:
    """``registry`` over HTTP: the port, and a function that waits for so many scrapes and says whether they came."""
    metrics, scrapes = make_wsgi_app(registry), threading.Semaphore(0)

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        scrapes.release()
        return metrics(environ, start_response)

    with make_server("127.0.0.1", 0, app, handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port, lambda count: all(scrapes.acquire(timeout=30) for _ in range(count))
        finally:
            server.shutdown()
            thread.join()


class _Silent(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


class Kent:
    """A server that speaks Sentry's protocol, and what it received."""

    def __init__(self, port: int) -> None:
        self.dsn = f"http://public@127.0.0.1:{port}/1"
        self._url = f"http://127.0.0.1:{port}"

    def events(self) -> list[Mapping[str, Any]]:
        listed = self._get("/api/eventlist/")["events"]
        return [self._get(f"/api/event/{one['event_id']}") for one in listed]

    def _get(self, path: str) -> Any:
        with httpx.Client(trust_env=False) as http:
            return http.get(self._url + path).raise_for_status().json()


@contextmanager
def kent() -> Iterator[Kent]:
    """A running receiver of incidents."""
    port = free_port()
    run = f"import sys, kent.cli_server as k; sys.argv = ['kent-server', 'run', '--port', '{port}']; k.main()"
    with process(sys.executable, "-c", run) as child:
        running = Kent(port)
        while not _answers(running):
            with suppress(subprocess.TimeoutExpired):
                child.wait(0.05)
            assert child.returncode is None, "kent did not start"
        yield running


def _answers(running: Kent) -> bool:
    try:
        return running.events() == []
    except httpx.TransportError:
        return False
