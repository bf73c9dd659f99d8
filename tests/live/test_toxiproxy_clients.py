"""Three clients that know nothing of us, unchanged, on our server and on the real one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import toxiproxy as toxiproxy_python
from live.toxiproxies import TOOLS, Toxiproxy
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

SAID = b"hello world"
CLI = TOOLS / "bin" / "toxiproxy-cli"
NODE_MODULES = TOOLS / "node" / "node_modules"
NODE_SCRIPT = Path(__file__).parents[1] / "data" / "toxiproxy_node_client.js"

Cli = Callable[..., str]


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(ConnectionError):
            while data := self.request.recv(4096):
                self.request.sendall(data)


@pytest.fixture
def upstream() -> Iterator[str]:
    """The address of an echo."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def heard(listen: str) -> bytes:
    """What the echo behind a proxy answers before the connection ends."""
    host, _, port = listen.rpartition(":")
    data = b""
    with socket.create_connection((host, int(port)), timeout=20) as sock, suppress(ConnectionResetError):
        sock.sendall(SAID)
        while len(data) < len(SAID) and (more := sock.recv(64)):
            data += more
    return data


# ---- toxiproxy-python ------------------------------------------------------------------------------------------------


@pytest.fixture
def python(toxiproxy: Toxiproxy, monkeypatch: pytest.MonkeyPatch) -> toxiproxy_python.Toxiproxy:
    """Its host and port belong to a class, so to the whole process, until the test is over."""
    url = urlsplit(toxiproxy.url)
    monkeypatch.setattr(APIConsumer, "host", url.hostname)
    monkeypatch.setattr(APIConsumer, "port", url.port)
    monkeypatch.setenv("NO_PROXY", "*")
    return toxiproxy_python.Toxiproxy()


def test_toxiproxy_python_creates_lists_inspects_and_deletes(python: toxiproxy_python.Toxiproxy, upstream: str) -> None:
    assert python.running()
    assert json.loads(python.version()) == {"version": "2.12.0"}
    proxy = python.create(name="p", upstream=upstream)
    assert (proxy.name, proxy.upstream, proxy.enabled) == ("p", upstream, True)
    assert heard(proxy.listen) == SAID
    assert {name: one.listen for name, one in python.proxies().items()} == {"p": proxy.listen}
    assert python.get_proxy("p").listen == proxy.listen
    assert python.destroy(proxy)
    assert python.proxies() == {}


def test_toxiproxy_python_adds_inspects_and_removes_toxics(python: toxiproxy_python.Toxiproxy, upstream: str) -> None:
    proxy = python.create(name="p", upstream=upstream)
    proxy.add_toxic(type="limit_data", attributes={"bytes": 4})
    proxy.add_toxic(type="latency", stream="upstream", name="lag", toxicity=0.5, attributes={"latency": 1})
    assert heard(proxy.listen) == SAID[:4]
    assert list(proxy.toxics()) == ["lag", "limit_data_downstream"]
    lag = proxy.get_toxic("lag")
    assert (lag.type, lag.stream, lag.toxicity, lag.attributes) == (
        "latency",
        "upstream",
        0.5,
        {"latency": 1, "jitter": 0},
    )
    assert proxy.destroy_toxic("limit_data_downstream")
    assert heard(proxy.listen) == SAID
    assert list(proxy.toxics()) == ["lag"]


def test_toxiproxy_python_disables_and_enables(python: toxiproxy_python.Toxiproxy, upstream: str) -> None:
    proxy = python.create(name="p", upstream=upstream)
    with proxy.down():
        assert not python.get_proxy("p").enabled
        with pytest.raises(ConnectionRefusedError):
            heard(proxy.listen)
    assert python.get_proxy("p").enabled
    assert heard(proxy.listen) == SAID


def test_toxiproxy_python_populates_and_resets(python: toxiproxy_python.Toxiproxy, upstream: str) -> None:
    old = python.create(name="old", upstream=upstream)
    same = {"name": "old", "upstream": upstream, "listen": old.listen}
    (new,) = python.populate([same, {"name": "new", "upstream": upstream, "listen": "127.0.0.1:0"}])
    old.add_toxic(type="limit_data", attributes={"bytes": 4})
    new.disable()
    assert python.reset()
    assert (heard(old.listen), heard(new.listen)) == (SAID, SAID)
    assert python.get_proxy("old").toxics() == {}
    python.destroy_all()
    assert python.proxies() == {}


def test_toxiproxy_python_raises_its_errors(python: toxiproxy_python.Toxiproxy, upstream: str) -> None:
    proxy = python.create(name="p", upstream=upstream)
    proxy.add_toxic(type="noop")
    with pytest.raises(ProxyExists):
        python.create(name="p", upstream=upstream)
    with pytest.raises(ProxyExists, match='"error":"proxy already exists","status":409'):
        APIConsumer.post("/proxies", json={"name": "p", "upstream": upstream})
    with pytest.raises(ProxyExists, match='"error":"toxic already exists","status":409'):
        proxy.add_toxic(type="noop")
    with pytest.raises(InvalidToxic, match='"error":"invalid toxic type","status":400'):
        proxy.add_toxic(type="none")
    with pytest.raises(NotFound, match='"error":"toxic not found","status":404'):
        proxy.destroy_toxic("none")
    proxy.destroy()
    with pytest.raises(NotFound, match='"error":"proxy not found","status":404'):
        proxy.destroy()
    assert python.get_proxy("p") is None


# ---- toxiproxy-node-client -------------------------------------------------------------------------------------------


def node(url: str, upstream: str) -> dict[str, Any]:
    """What a script of that client saw."""
    program = shutil.which("node")
    if program is None or not (NODE_MODULES / "toxiproxy-node-client").exists():
        pytest.skip("NOT DRIVEN by toxiproxy-node-client: run `make setup-toxiproxy` (needs node and npm)")
    environment = {**os.environ, "NODE_PATH": str(NODE_MODULES)}
    command = [program, str(NODE_SCRIPT), url, upstream]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def test_toxiproxy_node_client_does_all_that_it_can(toxiproxy: Toxiproxy, upstream: str) -> None:
    seen = node(toxiproxy.url, upstream)
    assert json.loads(seen.pop("version")) == {"version": "2.12.0"}
    proxy = {"name": "p", "listen": seen["created"]["listen"], "upstream": upstream, "enabled": True}
    toxic = {"name": "limit_data_downstream", "type": "limit_data", "stream": "downstream", "toxicity": 1}
    errors = {"duplicate_proxy": 409, "missing_proxy": 404, "missing_toxic": 404, "invalid_toxic": 400}
    assert seen == {
        "created": proxy,
        "listed": ["p"],
        "inspected": proxy,
        "before": "hello world",
        "added": {**toxic, "attributes": {"bytes": 4}},
        "limited": "hell",
        "updated": {**toxic, "attributes": {"bytes": 6}},
        "kept": {**toxic, "attributes": {"bytes": 6}},
        "longer": "hello ",
        "removed": "hello world",
        "disabled": False,
        "refused": "ECONNREFUSED",
        "enabled": True,
        "again": "hello world",
        "populated": ["p", "q"],
        "through_q": "hello world",
        "errors": {what: f"Request failed with status code {status}" for what, status in errors.items()},
        "reset": ["hello world", "hello world"],
        "deleted": [],
    }


# ---- toxiproxy-cli ---------------------------------------------------------------------------------------------------


@pytest.fixture
def cli(toxiproxy: Toxiproxy) -> Cli:
    """Runs one command; returns what it prints, or its error."""
    if not CLI.exists():
        pytest.skip("NOT DRIVEN by toxiproxy-cli: run `make setup-toxiproxy` (needs go)")

    def run(*command: str) -> str:
        done = subprocess.run([CLI, "--host", toxiproxy.url, *command], capture_output=True, text=True, timeout=60)
        assert (done.returncode == 0) == (done.stderr == "")
        return (done.stdout if done.returncode == 0 else done.stderr).strip("\n")

    return run


def created(cli: Cli, upstream: str, name: str = "p") -> str:
    """Where a new proxy listens."""
    said = cli("create", "--listen", "127.0.0.1:0", "--upstream", upstream, name)
    assert said == f"Created new proxy {name}"
    return cli("list").split("\t")[1]


def test_toxiproxy_cli_creates_lists_toggles_and_deletes(cli: Cli, upstream: str) -> None:
    listen = created(cli, upstream)
    assert cli("list") == f"p\t{listen}\t{upstream}\tenabled\t0"
    assert cli("toggle", "p") == "Proxy p is now disabled"
    assert cli("list") == f"p\t{listen}\t{upstream}\tdisabled\t0"
    with pytest.raises(ConnectionRefusedError):
        heard(listen)
    assert cli("toggle", "p") == "Proxy p is now enabled"
    assert heard(listen) == SAID
    assert cli("delete", "p") == "Deleted proxy p"
    assert cli("list") == ""


def test_toxiproxy_cli_adds_inspects_updates_and_removes_toxics(cli: Cli, upstream: str) -> None:
    listen = created(cli, upstream)
    limit, lag = ("--toxicName", "limit"), ("--toxicName", "lag")
    said = cli("toxic", "add", *limit, "--type", "limit_data", "--attribute", "bytes=4", "p")
    assert said == "Added downstream limit_data toxic 'limit' on proxy 'p'"
    said = cli("toxic", "add", *lag, "--type", "latency", "--toxicity", "0.5", "--attribute", "latency=1", "-u", "p")
    assert said == "Added upstream latency toxic 'lag' on proxy 'p'"
    assert heard(listen) == SAID[:4]
    assert cli("toxic", "update", *limit, "--attribute", "bytes=6", "p") == "Updated toxic 'limit' on proxy 'p'"
    assert heard(listen) == SAID[:6]
    assert cli("inspect", "p").splitlines() == [
        "lag\ttype=latency\tstream=upstream\ttoxicity=0.50\tattributes=[\tjitter=0\tlatency=1\t]",
        "limit\ttype=limit_data\tstream=downstream\ttoxicity=1.00\tattributes=[\tbytes=6\t]",
    ]
    assert cli("toxic", "remove", *limit, "p") == "Removed toxic 'limit' on proxy 'p'"
    assert heard(listen) == SAID
    assert cli("list") == f"p\t{listen}\t{upstream}\tenabled\t1"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "create --listen 127.0.0.1:0 --upstream 127.0.0.1:1 p",
            "Failed to create proxy: Create: HTTP 409: proxy already exists",
        ),
        (
            "create --listen {listen} --upstream 127.0.0.1:1 q",
            "Failed to create proxy: Create: HTTP 500: listen tcp {listen}: bind: address already in use",
        ),
        ("inspect none", "Failed to retrieve proxy none: HTTP 404: proxy not found"),
        ("toggle none", "Failed to retrieve proxy none: HTTP 404: proxy not found"),
        ("delete none", "Failed to retrieve proxy none: HTTP 404: proxy not found"),
        (
            "toxic add --type latency none",
            "Failed to add toxic: failed to retrieve proxy with name `none`: HTTP 404: proxy not found",
        ),
        (
            "toxic add --type none p",
            "Failed to add toxic: failed to add toxic to proxy p: AddToxic: HTTP 400: invalid toxic type",
        ),
        (
            "toxic add --type noop p",
            "Failed to add toxic: failed to add toxic to proxy p: AddToxic: HTTP 409: toxic already exists",
        ),
        (
            "toxic update --toxicName none --attribute latency=1 p",
            "Failed to update toxic: failed to update toxic 'none' of proxy 'p': HTTP 404: toxic not found",
        ),
        (
            "toxic remove --toxicName none p",
            "Failed to remove toxic: failed to remove toxic 'none' from proxy 'p': HTTP 404: toxic not found",
        ),
    ],
)
def test_toxiproxy_cli_tells_errors_in_the_same_words(cli: Cli, upstream: str, command: str, said: str) -> None:
    listen = created(cli, upstream)
    cli("toxic", "add", "--type", "noop", "p")
    assert cli(*command.format(listen=listen).split()) == said.format(listen=listen)
