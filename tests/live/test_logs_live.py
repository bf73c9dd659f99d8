"""With ``--log-format json`` a command that goes on for long writes JSON lines to stderr, and nothing else there."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from live.terminals import STREAMPROOF, environment, piped

JSON = ("--log-format", "json")
KEY = "sk-ant-api03-abcdefgh"
ASK = {"model": "claude-sonnet-5-5", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}


def read(text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(list(line) == ["time", "level", "logger", "message", "fields"] for line in lines)
    return lines


class Serving:
    """A server, and what it logged."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.lines = process, list[dict[str, Any]]()

    def until(self, message: str) -> dict[str, Any]:
        """The next line with this in its message."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines += read(line)
            if message in self.lines[-1]["message"]:
                return self.lines[-1]
        raise AssertionError(f"it ended without {message!r}: {self.lines}")

    def end(self) -> str:
        """Stop it; what it wrote to stdout."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=30)
        self.lines += read(err)
        return out


@contextmanager
def serving(home: Path, *words: str) -> Iterator[Serving]:
    with subprocess.Popen(
        [STREAMPROOF, *words, *JSON],
        cwd=home,
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Serving(process)
        finally:
            if process.poll() is None:
                process.terminate()


def test_a_run_logs_its_cases_and_still_prints_its_report(tmp_path: Path) -> None:
    select = ("-k", "completion.plain or cutoff.clean_end_mid_text")
    done = piped(tmp_path, "run", "--client", "naive", "--seed", "7", *select, *JSON)
    lines = read(done.stderr)
    assert done.returncode == 1
    assert "streamproof replay cutoff.clean_end_mid_text@naive:7" in done.stdout
    cases = {line["fields"]["case"]: line["level"] for line in lines if "case" in line["fields"]}
    assert cases == {"completion.plain@naive:7": "info", "cutoff.clean_end_mid_text@naive:7": "warning"}
    assert lines[-1]["fields"]["files"] == ["reports/out/history.jsonl"]
    assert {line["logger"] for line in lines} == {"streamproof.run"}


def test_wrong_usage_is_a_line_as_well(tmp_path: Path) -> None:
    done = piped(tmp_path, "run", "--client", "naiv", *JSON)
    (line,) = read(done.stderr)
    assert done.returncode == 2
    assert line["level"] == "error"
    assert "did you mean naive" in line["message"]


def test_a_server_logs_what_it_serves_and_every_request_in_fields(tmp_path: Path) -> None:
    with serving(tmp_path, "serve", "cutoff.clean_end_mid_text") as server:
        url = server.until("serving")["fields"]["base_url"]
        httpx.post(f"{url}/v1/messages", json=ASK, headers={"x-api-key": KEY, "anthropic-version": "2023-06-01"})
        struck = server.until("strikes")
        assert server.end() == ""
    assert struck["logger"] == "streamproof.serve"
    assert (struck["fields"]["case"], struck["fields"]["fault"]) == ("cutoff.clean_end_mid_text", "end_early")
    assert KEY not in json.dumps(server.lines)


def test_a_proxy_logs_what_it_passes_on(tmp_path: Path) -> None:
    with serving(tmp_path, "serve", "completion.plain") as upstream:
        url = upstream.until("serving")["fields"]["base_url"]
        faulty = ("--scenario", "cutoff.clean_end_mid_text")
        with serving(tmp_path, "proxy", "--upstream", url, *faulty) as proxy:
            base = proxy.until("passing on")["fields"]["base_url"]
            httpx.post(f"{base}/v1/messages", json=ASK, headers={"x-api-key": KEY, "anthropic-version": "2023-06-01"})
            assert proxy.until("reply 1")["fields"]["status"] == 200
            assert proxy.until("strikes")["fields"]["fault"] == "end_early"
            assert proxy.end() == ""
        upstream.end()
    assert KEY not in json.dumps([*proxy.lines, *upstream.lines])


def test_a_toxiproxy_logs_what_its_proxies_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"
    with serving(tmp_path, "toxiproxy", "--port", "0") as server:
        api = server.until("is served")["fields"]["url"]
        made = httpx.post(f"{api}/proxies", json={"name": "p", "listen": "127.0.0.1:0", "upstream": nobody}).json()
        host, _, port = made["listen"].rpartition(":")
        assert server.until("listens")["fields"] == {"proxy": "p", "listen": made["listen"]}
        with socket.create_connection((host, int(port))):
            line = server.until("nobody is behind")
        server.end()
    assert (line["level"], line["fields"]["proxy"]) == ("warning", "p")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fuzz", "--client", "bundled", "--examples", "20"), "shard 0 is done"),
        (("sweep", "splits", "--bytes", "256"), "the search is over"),
    ],
)
def test_searches_log_what_they_do(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    done = piped(tmp_path, *words, "--seed", "1", "--record", "mine", *JSON)
    lines = read(done.stderr)
    assert done.returncode == 0
    assert message in [line["message"] for line in lines]
    assert lines[-1]["fields"] == {"seed": "1", "client": "bundled", "failures": 0, "doubts": 0}
