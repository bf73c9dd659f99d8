"""The metrics of this process on a port of its own, on the loopback interface, for as long as a command runs."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, start_http_server

from harness.errors import UsageError
from harness.logs import Say

_LOOPBACK = "127.0.0.1"


@contextmanager
def exposed(port: int, say: Say) -> Iterator[CollectorRegistry]:
    """A registry, and its metrics at ``/metrics`` on ``port`` (0 is any free one) while the block runs.

    Raises:
        UsageError: the port cannot be listened on.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    build = Gauge("streamproof_build_info", "1, for what is running.", ["version", "python"], registry=registry)
    build.labels(version("streamproof"), platform.python_version()).set(1)
    try:
        server, thread = start_http_server(port, addr=_LOOPBACK, registry=registry)
    except OSError as error:
        why = f"--metrics-port: cannot listen on {_LOOPBACK}:{port}: {error.strerror}; name another port, or 0 for any"
        raise UsageError(why) from error
    url = f"http://{_LOOPBACK}:{server.server_port}/metrics"
    say(f"metrics:  {url}", "metrics are exposed", url=url)
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
