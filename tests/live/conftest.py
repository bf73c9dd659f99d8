"""Fixtures of the tests on sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from live.asking import add, create
from live.toxiproxies import KINDS, SERVER, Toxiproxy, running


@pytest.fixture(scope="session", params=KINDS)
def toxiproxy_server(request: pytest.FixtureRequest) -> Iterator[Toxiproxy]:
    if request.param == "real" and not SERVER.exists():
        pytest.skip("NOT COMPARED with a real Toxiproxy: run `make setup-toxiproxy` (needs go)")
    with running(request.param, "-proxy-metrics") as server:
        yield server


@pytest.fixture
def toxiproxy(toxiproxy_server: Toxiproxy) -> Iterator[Toxiproxy]:
    """A server without proxies: ours, and the real one where it is installed."""
    toxiproxy_server.clear()
    yield toxiproxy_server
    toxiproxy_server.clear()


@pytest.fixture
def whole(toxiproxy: Toxiproxy) -> Toxiproxy:
    """A server with a proxy that has a toxic."""
    create(toxiproxy)
    add(toxiproxy)
    return toxiproxy


@pytest.fixture
def busy() -> Iterator[str]:
    """An address that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"
