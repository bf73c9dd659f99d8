"""``streamproof toxiproxy`` as its user meets it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from live.running import STREAMPROOF, served
from live.toxiproxies import Toxiproxy

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def alone(*options: str) -> Iterator[tuple[subprocess.Popen[str], Toxiproxy]]:
    """The command on a free port, from its first line on."""
    command = [str(STREAMPROOF), "toxiproxy", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            match = re.search(r"http://\S+", process.stdout.readline())
            assert match is not None
            yield process, Toxiproxy("embedded", match[0])
        finally:
            process.terminate()
            process.communicate(timeout=20)


def refused(*options: str) -> str:
    """What it says when it will not start."""
    command = [str(STREAMPROOF), "toxiproxy", "--port", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    return done.stderr


def config(home: Path, value: object) -> str:
    path = home / "proxies.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return str(path)


def test_it_serves_the_api_with_the_proxies_and_toxics_of_its_file(tmp_path: Path) -> None:
    toxics = [{"type": "stall", "stream": "upstream", "attributes": {"after_bytes": 5}}]
    proxies = [{"name": "api", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "toxics": toxics}]
    with alone("--config", config(tmp_path, proxies)) as (process, toxiproxy):
        assert process.stdout is not None
        assert process.stdout.readline().startswith("api: listens on 127.0.0.1:")
        (shown,) = toxiproxy.ask("GET", "/proxies/api/toxics").json
        assert shown["attributes"] == {"duration": 0, "after_bytes": 5}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(number: int) -> None:
    with alone() as (process, _):
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


def test_it_says_which_toxic_struck_and_escapes_hostile_names() -> None:
    with alone() as (process, toxiproxy), socket.create_server(("127.0.0.1", 0)) as server:
        name = "\x1b[31mred"
        port = toxiproxy.proxy(server.getsockname()[1], name=name)
        toxiproxy.toxic("reset_now", proxy="%1B%5B31mred", after_bytes=0)
        with socket.create_connection(("127.0.0.1", port)) as client, pytest.raises(ConnectionResetError):
            assert client.recv(1)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
    assert not any("\x1b" in line for line in lines)
    assert "reset_now_downstream strikes after 0 bytes" in lines[1]


def test_it_goes_on_when_nobody_reads_what_it_says() -> None:
    with alone() as (process, toxiproxy):
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        for number in range(3):
            toxiproxy.proxy(1, name=f"p{number}")
        assert len(toxiproxy.ask("GET", "/proxies").json) == 3


def test_a_scenario_with_a_broken_network_is_served_through_it() -> None:
    command = [str(STREAMPROOF), "serve", "broken_network.reset_before_answer"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            url = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+/case/\S+", line)))
            with pytest.raises(ConnectionResetError):
                DIRECT.open(f"{url}/v1/messages", b"{}", timeout=20)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
    assert process.returncode == 0


def test_serving_all_leaves_out_what_needs_a_network_of_its_own() -> None:
    with served() as base, pytest.raises(urllib.error.HTTPError) as caught:
        DIRECT.open(f"{base}/broken_network.cut_in_head/v1/messages", b"{}", timeout=20)
    with caught.value:
        assert caught.value.code == 404


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "cannot read" in refused("--config", str(tmp_path / "none.json"))


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("[{", "bad request body"),
        ({"name": "x"}, "expected an array"),
        ([{"name": "x"}], "missing required field: upstream at proxy 1"),
        ([{"name": "x", "upstream": "u:1", "toxics": [{"type": "latncy"}]}], "invalid toxic type"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_reason(tmp_path: Path, value: object, complaint: str) -> None:
    message = refused("--config", config(tmp_path, value))
    assert "--config" in message
    assert complaint in message


def test_a_taken_port_is_named_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in refused("--port", str(port))
