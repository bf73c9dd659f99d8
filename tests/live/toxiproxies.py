"""The two servers that every test of the network layer runs against, and plain sockets to look at what they do."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from harness.toxiproxy.embedded import EmbeddedToxiproxy

TOOLS = Path(__file__).parents[2] / ".tools"
SERVER = TOOLS / "bin" / "toxiproxy-server"
KINDS = ("embedded", "uvloop", "real")
"""Ours on asyncio, ours on the loop of the extra ``speed``, and the real one."""


@dataclass
class Toxiproxy:
    """A running server and the little HTTP that it takes to talk to it."""

    kind: str
    url: str
    pid: int = field(default_factory=os.getpid)
    """The process that it is in."""

    @property
    def is_real(self) -> bool:
        return self.kind == "real"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One request; ``body`` is JSON, or bytes as they are."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=40) as reply:
                return Reply(reply.status, dict(reply.headers), reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers), error.read())

    def proxy(self, upstream: int, name: str = "p", **more: Any) -> int:
        """Create a proxy to a port of this machine; returns the port it listens on."""
        body = {"name": name, "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{upstream}", **more}
        reply = self.ask("POST", "/proxies", body)
        assert reply.status == 201, reply
        return int(reply.json["listen"].rpartition(":")[2])

    def toxic(self, type_: str, proxy: str = "p", **more: Any) -> Reply:
        """Add a toxic; attributes are keywords, apart from ``stream``, ``name`` and ``toxicity``."""
        top = {key: more.pop(key) for key in ("stream", "name", "toxicity") if key in more}
        reply = self.ask("POST", f"/proxies/{proxy}/toxics", {"type": type_, **top, "attributes": more})
        assert reply.status == 200, reply
        return reply

    def clear(self) -> None:
        """Delete every proxy."""
        for name in self.ask("GET", "/proxies").json:
            self.ask("DELETE", f"/proxies/{urllib.parse.quote(name, safe='')}")


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def running(kind: str, *flags: str) -> Iterator[Toxiproxy]:
    """A server of that kind; the real one must be installed (``make setup-toxiproxy``), and it gets the ``flags``."""
    if kind != "real":
        new_loop = asyncio.new_event_loop if kind == "embedded" else uvloop.new_event_loop
        with EmbeddedToxiproxy(seed="1", new_loop=new_loop) as embedded:
            yield Toxiproxy(kind, embedded.url)
        return
    port = free_port()
    command = [str(SERVER), "-host", "127.0.0.1", "-port", str(port), *flags]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while not _listens(port):
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.02)
                assert process.returncode is None, "toxiproxy-server did not start"
            yield Toxiproxy(kind, f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
