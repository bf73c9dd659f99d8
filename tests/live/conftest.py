"""Fixtures of the tests on sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live.toxiproxies import KINDS, SERVER, Toxiproxy, running


@pytest.fixture(scope="session", params=KINDS)
def toxiproxy_server(request: pytest.FixtureRequest) -> Iterator[Toxiproxy]:
    if request.param == "real" and not SERVER.exists():
        pytest.skip("NOT COMPARED with a real Toxiproxy: run `make setup-toxiproxy` (needs go)")
    with running(request.param) as server:
        yield server


@pytest.fixture
def toxiproxy(toxiproxy_server: Toxiproxy) -> Iterator[Toxiproxy]:
    """A server without proxies: ours, and the real one where it is installed."""
    toxiproxy_server.clear()
    yield toxiproxy_server
    toxiproxy_server.clear()
