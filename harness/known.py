"""Failures that somebody has found before, in a database that many machines share: they are tried before new ones.

They are kept in their simplest case, as the JSON of :mod:`harness.recorded`, so that they outlive changes of what is
drawn and nobody shrinks one again. Exploring stays what it is without them: a function of the seed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

from harness import catalog, engine, recorded
from harness.adapter import Adapter
from harness.confirm import planned
from harness.errors import UsageError
from harness.fuzz import LIMITS, SEED, Failure, Shard, failure_of
from harness.sim import runner

_REDIS = re.compile(r"(redis|rediss|unix)://.+")


def opened(where: str) -> ExampleDatabase:
    """The database at a URL of Redis, or in a folder.

    Raises:
        UsageError: it cannot be reached, or its package is missing.
    """
    if _REDIS.match(where):
        return _redis(where)
    folder = Path(where)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--database {where!r}: {error.strerror}") from error
    return DirectoryBasedExampleDatabase(folder)


def _redis(url: str) -> ExampleDatabase:
    try:
        from hypothesis.extra.redis import RedisExampleDatabase
        from redis import Redis, RedisError
    except ImportError as error:
        raise UsageError(f"--database {url} needs its package: pip install 'streamproof[redis]' ({error})") from error
    try:
        client = Redis.from_url(url, socket_connect_timeout=5)
        client.ping()
    except (RedisError, ValueError) as error:
        raise UsageError(f"no Redis at {url}: {error}") from error
    return RedisExampleDatabase(client)


class Known:
    """What is known of one client.

    Args:
        client: as the command line names it.
    """

    def __init__(self, database: ExampleDatabase, client: str, adapter: Adapter) -> None:
        self._database, self._client, self._adapter = database, client, adapter
        self._key = f"streamproof/{client}".encode()

    def failures(self) -> list[Failure]:
        """Those that still fail, one of each code; what does not fail any more is forgotten."""
        found: dict[str, Failure] = {}
        for data in sorted(self._database.fetch(self._key), key=lambda one: (len(one), one)):
            failure = self._tried(data)
            if failure is None:
                self._database.delete(self._key, data)
            else:
                found.setdefault(failure.code, failure)
        return list(found.values())

    def add(self, failures: Iterable[Failure]) -> None:
        """Keep them for the others."""
        for failure in failures:
            self._database.save(self._key, json.dumps(recorded.dump(failure.scenario)).encode())

    def _tried(self, data: bytes) -> Failure | None:
        """None when the case does not fail, or is one of another version."""
        try:
            scenario = recorded.load(json.loads(data), "database")
        except (ValueError, UsageError):
            return None
        case = planned(replace(scenario, limits=LIMITS, drawn_as=SEED), self._adapter)
        shard = Shard(client=self._client, seed="", number=0)
        failure = failure_of(engine.finished(runner.run(case), catalog.laws()), scenario, shard)
        return None if failure is None else replace(failure, is_shrunk=True)
