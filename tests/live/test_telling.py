"""Who is served by `streamproof serve` and `streamproof proxy` does not suffer from what these print, and to whom."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from live.running import STREAMPROOF

HEADERS = {"x-api-key": "any", "anthropic-version": "2023-06-01", "content-type": "application/json"}
USER = {"role": "user", "content": "Hi"}


@dataclass
class Running:
    """A command that serves, the URL of a case of it, and what it printed once it has ended."""

    process: subprocess.Popen[str]
    url: str = ""
    printed: str = ""

    def asked(self, path: str = "v1/messages", body: bytes = b"{}") -> httpx.Response:
        return httpx.post(f"{self.url}/{path}", content=body, headers=HEADERS, timeout=20)


@contextmanager
def running(*words: str) -> Iterator[Running]:
    command = [str(STREAMPROOF), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        one = Running(process)
        try:
            one.url = next(found[1] for line in process.stdout if (found := re.search(r"base URL: (\S+)", line)))
            yield one
        finally:
            process.terminate()
            one.printed = process.communicate(timeout=20)[0] if process.stdout is not None else ""
            process.wait(timeout=20)


@pytest.mark.parametrize(
    ("words", "status"),
    [(("serve", "completion.plain"), 400), (("proxy", "--upstream", "http://127.0.0.1:1"), 502)],
    ids=["serve", "proxy"],
)
def test_requests_are_answered_when_nobody_reads_what_it_prints(words: tuple[str, ...], status: int) -> None:
    with running(*words) as one:
        assert one.process.stdout is not None
        one.process.stdout.close()
        one.process.stdout = None
        assert [one.asked().status_code for _ in range(2)] == [status] * 2
    assert one.process.returncode == 0


def test_half_a_character_in_a_refused_request_is_refused_as_the_api_does() -> None:
    tools: list[dict[str, Any]] = [
        USER,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "HALF", "name": "f", "input": {}}]},
        USER,
    ]
    body = httpx.Request("POST", "http://x", json={"model": "m", "max_tokens": 9, "messages": tools}).content
    with running("serve", "completion.plain") as one:
        answer = one.asked(body=body.replace(b"HALF", b"\\ud800"))
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert "\\ud800" in one.printed


def test_no_path_reaches_the_terminal_as_it_is() -> None:
    with running("serve", "completion.plain") as one:
        assert one.asked("%1b%5d0;pwned%07").status_code == 404
    assert r"Not found: /\x1b]0;pwned\x07" in one.printed
    assert "\x1b" not in one.printed
