"""What a connection through our server leaves behind: a pause of the garbage collector is a delay for all others."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator

import pytest
from live.toxiproxies import Toxiproxy

from harness.toxiproxy.connection import Connection
from harness.toxiproxy.embedded import EmbeddedToxiproxy


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("toxic", [None, "noop", "latency", "slicer", "limit_data"])
def test_a_connection_that_is_over_is_freed_without_the_garbage_collector(
    no_collector: None, toxic: str | None
) -> None:
    with EmbeddedToxiproxy() as server, socket.create_server(("127.0.0.1", 0)) as behind:
        toxiproxy = Toxiproxy("embedded", server.url)
        port = toxiproxy.proxy(behind.getsockname()[1])
        if toxic is not None:
            toxiproxy.toxic(toxic, stream="upstream")
        for _ in range(3):
            open_and_close(port, behind)
        while toxiproxy.ask("GET", "/events").body.count(b'"closed"') < 3:
            pass
        assert sum(type(one) is Connection for one in gc.get_objects()) == 0


def open_and_close(port: int, behind: socket.socket) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        sock, _ = behind.accept()
        with sock:
            client.sendall(b"x")
            sock.recv(1)
            client.shutdown(socket.SHUT_WR)
            sock.recv(1)
