"""The commands that show one case again: ours, curl, pytest. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from fake_server.dialect import Dialect
from harness.asking import asked
from harness.history import Record
from harness.plain import plain

PORT = 8100
"""Where the server is told to listen, so that the second command can name it."""


def commands(record: Record) -> Iterator[tuple[str, str]]:
    """What each is for, and the command as a shell takes it; ``streamproof replay`` itself is the run's to say."""
    info = record.info
    scenario, seed = shlex.quote(plain(info.scenario)), shlex.quote(plain(info.seed))
    if info.receiver is None and not record.before:
        yield (
            "Serve it to any client, and look at the bytes with curl",
            f"streamproof serve {scenario} --seed {seed} --port {PORT} &\n{_curl(record)}",
        )
        yield (
            f'In your own tests, with @pytest.mark.streamproof("{plain(info.scenario)}")',
            f"pytest -p harness.pytest_plugin --streamproof-seed {seed} -k {scenario}",
        )
    words = "" if info.dialect is Dialect.ANTHROPIC else f" --dialect {info.dialect}"
    yield "The bytes of every attempt, before any run", f"streamproof show {scenario} --seed {seed}{words}"


_BEARER = "-H 'authorization: Bearer any'"
_HEADERS = {
    Dialect.ANTHROPIC: "-H 'x-api-key: any' -H 'anthropic-version: 2023-06-01'",
    Dialect.OPENAI_CHAT: _BEARER,
    Dialect.OPENAI_RESPONSES: _BEARER,
}


def _curl(record: Record) -> str:
    info, dialect = record.info, record.info.dialect
    body = json.dumps({**asked({}, dialect), "stream": True}, separators=(",", ":"))
    url = shlex.quote(f"http://127.0.0.1:{PORT}/case/{plain(info.scenario)}{dialect.path}")
    return f"curl -N {url} \\\n  {_HEADERS[dialect]} -H 'content-type: application/json' \\\n  -d {shlex.quote(body)}"
