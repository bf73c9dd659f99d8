"""`streamproof proxy` before `streamproof serve` behind TLS, and `streamproof record` of what it kept."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from live.running import STREAMPROOF, served
from live.test_proxy import GOOD, HEADERS, KEY, SEVENTH_DROPPED, by_bundled, by_sdk, deltas
from live.tls import Secured, behind_tls

from harness import recorded

SEVENTH = '{"is": "DropEvent", "at": {"is": "AtEvent", "name": "content_block_delta", "nth": 6}}'
CLIENTS = pytest.mark.parametrize("client", [by_sdk, by_bundled])


@pytest.fixture(scope="module")
def serving() -> Iterator[httpx.URL]:
    """The catalogue, without TLS."""
    with served() as base:
        yield httpx.URL(base)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def real(serving: httpx.URL, tmp_path: Path) -> AsyncIterator[Secured]:
    """The same behind TLS: what stands for the real server."""
    async with behind_tls(serving.port or 0, tmp_path) as tls:
        yield Secured(f"{tls.url}/case", tls.cafile)


@dataclass
class Process:
    """A process that serves, and what it has printed once it has ended."""

    url: str
    process: subprocess.Popen[str]
    printed: str = ""


@contextmanager
def running(*args: str | Path) -> Iterator[Process]:
    """A command that says the base URL at which it listens."""
    command = [str(STREAMPROOF), *map(str, args)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        one = Process("", process)
        try:
            url = next(found for line in process.stdout if (found := re.search(r"base URL: (http://\S+)", line)))
            one.url = url[1]
            yield one
        finally:
            process.terminate()
            one.printed = process.communicate(timeout=10)[0]
            assert process.returncode == 0


@contextmanager
def proxy(real: Secured, scenario: str, *args: str | Path) -> Iterator[Process]:
    with running("proxy", "--upstream", f"{real.url}/{scenario}", "--cafile", real.cafile, *args) as one:
        yield one


def streamproof(*args: str | Path, home: Path) -> subprocess.CompletedProcess[str]:
    command = [str(STREAMPROOF), *map(str, args)]
    return subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=60)


async def post(url: str, **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=10) as client:
        return await client.post(f"{url}/v1/messages", **{"json": {**GOOD, "stream": True}, "headers": HEADERS, **more})


@CLIENTS
async def test_a_named_fault_takes_exactly_the_seventh_delta(real: Secured, serving: httpx.URL, client: Any) -> None:
    said = deltas((await post(f"{serving}/completion.plain~{client.__name__}")).content)
    with proxy(real, f"completion.plain~{client.__name__}x", "--fault", SEVENTH) as one:
        seen = await client(one.url)
    assert (seen.text, seen.ended) == ("".join([*said[:6], *said[7:]]), "end_turn")
    assert "drop_event (content_block_delta) strikes after" in one.printed


async def test_what_it_prints_and_keeps_has_no_key(real: Secured, tmp_path: Path) -> None:
    with proxy(real, "completion.plain~a", "--record", tmp_path / "kept.jsonl") as one:
        await post(one.url, params={"api_key": "opaque-key"})
        await post(one.url, json={})
    kept = (tmp_path / "kept.jsonl").read_text("utf-8")
    lines = kept.splitlines()
    assert [json.loads(line).get("status") for line in lines] == [None, 200, 400]
    for text in (one.printed, kept):
        assert KEY not in text
        assert "opaque-key" not in text
    assert "POST /v1/messages?api_key=[redacted], streaming" in one.printed
    assert (tmp_path / "kept.jsonl").stat().st_mode & 0o077 == 0


async def test_what_it_kept_is_served_again_byte_for_byte(real: Secured, tmp_path: Path) -> None:
    with proxy(real, "completion.plain~b", "--record", tmp_path / "kept.jsonl") as one:
        first = await post(one.url)
    made = streamproof("record", "kept.jsonl", "-o", "again.json", "--at-once", home=tmp_path)
    assert (made.returncode, made.stdout.splitlines()[0]) == (0, "again.json: A recorded call: a whole answer.")
    with running("serve", tmp_path / "again.json") as replay:
        again = await post(replay.url.partition(" ")[0])
    ids = r"req_\w+|[0-9a-f]{8}-[0-9a-f-]{27}"
    assert again.content == first.content
    assert re.sub(ids, "", repr(again.headers.multi_items())) == re.sub(ids, "", repr(first.headers.multi_items()))


async def test_what_it_broke_is_a_scenario_with_the_fault(real: Secured, tmp_path: Path) -> None:
    with proxy(real, "completion.plain~c", "--fault", SEVENTH, "--record", tmp_path / "kept.jsonl") as one:
        broken = await post(one.url)
    assert streamproof("record", "kept.jsonl", "-o", "broken.json", "--at-once", home=tmp_path).returncode == 0
    (step,) = recorded.read(tmp_path / "broken.json").script.steps
    assert step.faults == SEVENTH_DROPPED.moves[0].faults  # type: ignore[attr-defined, union-attr]
    with running("serve", tmp_path / "broken.json") as replay:
        again = await post(replay.url)
    assert again.content == broken.content
    done = streamproof("run", "-k", "broken.json", "--client", "bundled", "--client", "anthropic", home=tmp_path)
    assert done.returncode == 0, done.stdout


async def test_what_really_broke_off_is_a_scenario_that_tells_honest_clients_from_others(
    real: Secured, tmp_path: Path
) -> None:
    with proxy(real, "cutoff.clean_end_mid_text~d", "--record", tmp_path / "kept.jsonl") as one:
        await post(one.url)
    assert streamproof("record", "kept.jsonl", "-o", "cut.json", "--at-once", home=tmp_path).returncode == 0
    clients = ("--client", "bundled", "--client", "naive")
    done = streamproof("run", "-k", "cut.json", *clients, "--gate", "bundled", home=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "streamproof replay recorded.cut@naive:" in done.stdout


def commands() -> list[list[str]]:
    page = (Path(__file__).parents[2] / "docs" / "recording.md").read_text("utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    return [shlex.split(line)[1:] for line in "".join(blocks).splitlines()]


async def test_the_commands_of_the_page_run_in_their_order(
    real: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    statuses = []
    for words in commands():
        if words[0] == "proxy":
            there = [f"{real.url}/completion.plain" if "api.anthropic.com" in word else word for word in words]
            with running(*there, "--cafile", real.cafile) as one:
                statuses.append((await post(one.url)).status_code)
        else:
            done = streamproof(*words, home=tmp_path)
            assert (done.returncode, bool(done.stdout)) == (0, True), done.stderr
    assert statuses == [200, 200, 429, 200, 200]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--upstream", "ftp://x"), "--upstream 'ftp://x': expected an address such as https://api.anthropic.com"),
        (("--upstream", "https://x", "--cafile", "missing.pem"), "--cafile missing.pem: no certificates"),
        (("--upstream", "https://x", "--fault", "{"), "--fault is not JSON: "),
        (("--upstream", "https://x", "--fault", '{"is": "DropEvnt"}'), "--fault: [0]: no class named 'DropEvnt'; did"),
        (("--upstream", "https://x", "--scenario", "cutof"), "no scenario named 'cutof'"),
        (("--upstream", "https://x", "--scenario", "completion.plain"), "completion.plain is about nothing that goes"),
        (("--upstream", "https://x", "--scenario", "cutoff.fin_mid_text", "--fault", SEVENTH), "leave out --fault"),
        (("--upstream", "https://x", "--host", "192.0.2.1"), "cannot listen on 192.0.2.1:0"),
        (("--upstream", "https://x", "--record", "taken"), "--record taken: there is a file of that name"),
        (("--upstream", "https://x", "--record", "no/where"), "--record no/where cannot be written: No such file"),
    ],
)
def test_what_cannot_be_done_is_told(args: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    done = streamproof("proxy", *args, home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("missing.txt",), "missing.txt cannot be read: No such file"),
        (("odd.txt",), "odd.txt is no capture: expected what"),
        (("good.sse", "-o", "good.txt"), "-o good.txt: a scenario's file ends in .json"),
        (("good.sse", "-o", "Go-od.json"), "a name has only a-z, 0-9 and _"),
        (("good.sse", "--from", "2"), "there is no exchange 2 in the capture: it has 1"),
        (("har.json",), "har.json: log: expected a JSON object"),
    ],
)
def test_what_is_no_capture_is_told(args: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "odd.txt").write_text("odd")
    (tmp_path / "har.json").write_text("{}")
    (tmp_path / "good.sse").write_text('event: message_start\ndata: {"type":"message_start","message":{}}\n\n')
    done = streamproof("record", *args, home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
