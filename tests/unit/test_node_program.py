"""The twin in JavaScript as a program: what it says of jobs that cannot be understood."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from unit.test_node_asked import MODULE, NEEDS_NODE, NODE

pytestmark = NEEDS_NODE


def ran(*words: str, asked: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status, and the lines that came."""
    command = [NODE, str(MODULE), *words]
    done = subprocess.run(command, input=asked.encode(), capture_output=True, timeout=60)
    assert done.stderr == b""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("", "a job must be JSON: Unexpected end of JSON input"),
        ("[]", "a job must be a JSON object"),
        ('{"api_key": "k"}', "job.request must be an object"),
        ('{"request": {}}', "job.api_key must be a string"),
        ('{"request": {}, "api_key": "k", "base": ""}', "job.base is no setting; there are base_url, api_key"),
        ('{"request": {}, "api_key": "k", "base_url": "localhost:1"}', "job.base_url must be an http(s) URL"),
        ('{"request": {}, "api_key": "k", "policy": {"limits": {"idle": -1}}}', "policy.limits.idle must be a number"),
        ('{"request": {}, "api_key": "k", "policy": {"retry": []}}', "policy.retry must be an object"),
        ('{"request": {}, "api_key": "k", "policy": {"table": [["(", "prefill"]]}}', "policy.table: Invalid regular"),
        ('{"request": {}, "api_key": "k", "fallbacks": [{"base_url": "x"}]}', "job.fallbacks[0].base_url must be an"),
    ],
)
def test_what_is_wrong_with_a_job_is_said(asked: str, why: str) -> None:
    status, (line,) = ran(asked=asked)
    assert (status, line["type"], line["error"]["name"]) == (2, "error", "BadJob")
    assert line["error"]["message"].removeprefix("BadJob: ").startswith(why)


@pytest.mark.parametrize("words", [["--help"], ["--may"], ["job.json"]])
def test_the_usage_is_told(words: list[str]) -> None:
    done = subprocess.run([NODE, str(MODULE), *words], capture_output=True, text=True, timeout=60)
    status, told = (0, done.stdout) if words == ["--help"] else (2, done.stderr)
    assert (done.returncode, done.stdout + done.stderr) == (status, told)
    assert told.startswith("usage: node streamproof.mjs")
