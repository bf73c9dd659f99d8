"""Requests to a Toxiproxy as they are, redirects not followed, and what is asked for most."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

from live.toxiproxies import Reply, Toxiproxy

UPSTREAM = "127.0.0.1:1"

NOT_FOUND = b"404 page not found\n"
PATIENCE = 10.0
"""Seconds; an answer that takes longer is none."""


def request(toxiproxy: Toxiproxy, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    """One request on a connection of its own; ``body`` is JSON, or bytes as they are. Names of headers are lowered."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    parts = urlsplit(toxiproxy.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    try:
        connection.request(method, path, data, {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
    finally:
        connection.close()


DOWNSTREAM_LATENCY = {
    "attributes": {"latency": 0, "jitter": 0},
    "name": "latency_downstream",
    "type": "latency",
    "stream": "downstream",
    "toxicity": 1,
}


def body(name: str = "p", **more: Any) -> dict[str, Any]:
    return {"name": name, "listen": "127.0.0.1:0", "upstream": UPSTREAM, **more}


def create(toxiproxy: Toxiproxy, name: str = "p", **more: Any) -> dict[str, Any]:
    reply = request(toxiproxy, "POST", "/proxies", body(name, **more))
    assert reply.status == 201, reply
    return dict(reply.json)


def add(toxiproxy: Toxiproxy, name: str = "t", **more: Any) -> dict[str, Any]:
    reply = request(toxiproxy, "POST", "/proxies/p/toxics", {"name": name, "type": "latency", **more})
    assert reply.status == 200, reply
    return dict(reply.json)


def proxies(toxiproxy: Toxiproxy) -> Any:
    return request(toxiproxy, "GET", "/proxies").json


def toxics(toxiproxy: Toxiproxy, name: str = "p") -> Any:
    return request(toxiproxy, "GET", f"/proxies/{name}/toxics").json


def port_of(listen: str) -> int:
    return int(listen.rpartition(":")[2])


def listens(listen: str) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port_of(listen))) == 0


def assert_error(reply: Reply, status: int, text: str) -> None:
    """An error of the API, whose text begins like that."""
    assert (reply.status, reply.json["status"]) == (status, status), reply
    assert reply.json["error"].startswith(text), reply
    assert reply.json.keys() == {"error", "status"}
    assert reply.body.endswith(b"}\n")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["x-content-type-options"] == "nosniff"


def populate(toxiproxy: Toxiproxy, *wanted: Any) -> Reply:
    return request(toxiproxy, "POST", "/populate", list(wanted))
