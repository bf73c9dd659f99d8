"""The commands that show one case again: ours, curl, pytest. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from fake_server.dialect import Dialect
from harness.asking import asked
from harness.history import Record
from harness.model import Endpoint
from harness.plain import plain

PORT = 8100
"""Where the server is told to listen, so that the command behind it can name it."""


def commands(record: Record) -> Iterator[tuple[str, str]]:
    """What each is for, and the command as a shell takes it; ``streamproof replay`` itself is the run's to say."""
    info = record.info
    scenario, seed = shlex.quote(plain(info.scenario)), shlex.quote(plain(info.seed))
    if info.receiver is None and not record.before:
        yield from _served(record, f"streamproof serve {scenario} --seed {seed}")
        yield (
            f'In your own tests, with @pytest.mark.streamproof("{plain(info.scenario)}")',
            f"pytest -p harness.pytest_plugin --streamproof-seed {seed} -k {scenario}",
        )
    words = "" if info.dialect is Dialect.ANTHROPIC else f" --dialect {info.dialect}"
    yield "The bytes of every attempt, before any run", f"streamproof show {scenario} --seed {seed}{words}"


def _served(record: Record, serve: str) -> Iterator[tuple[str, str]]:
    """To any client; not where what goes wrong is that it is led to no server."""
    if record.info.endpoint is not Endpoint.SERVER:
        return
    if record.network or record.info.toxics:  # between it and the server, at an address that only the command knows
        yield "Serve it to any client; ask the base URL that it prints, for there its network breaks", serve
        return
    yield "Serve it to any client", f"{serve} --port {PORT}"
    yield "Look at the bytes that are served, with curl in another terminal", _curl(record)


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
