"""The HTTP API, on our server and on the real one."""
from live.toxiproxies import Toxiproxy
def test_version(toxiproxy: Toxiproxy) -> None:
    reply = toxiproxy.ask("GET", "/version")
    assert reply.body == b'{"version": "2.12.0"}\n'
    port = toxiproxy.proxy(1)
    print(toxiproxy.toxic("latency", latency=5, stream="Upstream"))
