"""Failures that many machines share: in a folder, and in Redis."""

from __future__ import annotations

import io
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from fakeredis import TcpFakeServer
from hypothesis.database import ExampleDatabase
from redis import Redis
from rich.console import Console

from fake_server.answer import Answer
from fake_server.script import script
from harness import catalog, hunt
from harness.campaign import Campaign
from harness.errors import UsageError
from harness.fuzz import Failure, Shard
from harness.known import Known, opened
from harness.model import Expect, Scenario

CLIENT = "breaking:first_text"
SHARD = Shard(client=CLIENT, seed="1", number=0)
LENIENT = Expect(may_fail=True)
PLAIN = Scenario(name="plain", family="fuzz", title="It is plain.", script=script(Answer(sentences=1)), expect=LENIENT)
LONGER = replace(PLAIN, title="It is plain, and it takes longer to say so.", script=script(Answer(sentences=3)))


def failing(scenario: Scenario) -> Failure:
    return Failure(code="", harm="", scenario=scenario, shard=SHARD)


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    """The URL of a server that speaks the protocol of Redis."""
    server = TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"redis://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["folder", "redis"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "shared")
    url: str = request.getfixturevalue("redis")
    Redis.from_url(url).flushall()
    return url


def known(where: str, client: str = CLIENT) -> Known:
    """As another process on another machine would open it."""
    return Known(opened(where), client, catalog.adapter(client))


def test_what_one_machine_has_found_another_one_knows(where: str) -> None:
    known(where).add([failing(PLAIN)])
    (found,) = known(where).failures()
    assert found.scenario == PLAIN
    assert found.is_shrunk
    assert found.code.endswith("/complete")
    assert known(where).failures() == [found]


def test_of_one_failure_the_simplest_case_is_known(where: str) -> None:
    for order in ([LONGER, PLAIN], [PLAIN, LONGER]):
        known(where).add(map(failing, order))
        codes = [one.code for one in known(where).failures()]
        assert len(codes) == len(set(codes))
        assert PLAIN in [one.scenario for one in known(where).failures()]


def test_what_does_not_fail_any_more_is_forgotten(where: str) -> None:
    known(where, "bundled").add([failing(PLAIN)])
    assert known(where, "bundled").failures() == []
    assert list(opened(where).fetch(b"streamproof/bundled")) == []


def test_the_failures_of_one_client_are_not_those_of_another(where: str) -> None:
    known(where).add([failing(PLAIN)])
    assert known(where, "bundled").failures() == []
    assert len(known(where).failures()) == 1


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"is": "Scenario", "of": "another version"}', b"\xff"])
def test_what_another_version_kept_is_forgotten(where: str, data: bytes) -> None:
    database: ExampleDatabase = opened(where)
    database.save(b"streamproof/" + CLIENT.encode(), data)
    assert known(where).failures() == []


def test_a_campaign_tries_first_what_is_known_and_keeps_what_it_found(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one draws too few cases to find anything by itself."""
    monkeypatch.chdir(tmp_path)
    options = hunt.Options(
        campaign=Campaign(client=CLIENT, seed="1", examples=20), record=tmp_path / "mine", database=where
    )
    first = hunt.hunt(options, Console(file=io.StringIO()))
    assert first.failures > 0
    again = replace(options, campaign=replace(options.campaign, seed="2", examples=1), record=tmp_path / "again")
    assert hunt.hunt(again, Console(file=io.StringIO())).failures >= first.failures
    names = {path.name for path in (tmp_path / "again").iterdir()}
    assert {path.name for path in (tmp_path / "mine").iterdir()} <= names


def test_a_database_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"redis://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(UsageError, match=f"no Redis at {url}: "):
        opened(url)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="Not a directory"):
        opened(str(tmp_path / "file" / "folder"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis.extra.redis", None)
    with pytest.raises(UsageError, match=r"pip install 'streamproof\[redis\]'"):
        opened("redis://127.0.0.1")
