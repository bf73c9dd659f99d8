"""The twin in JavaScript on real sockets: the catalogue, its program, and how soon it closes a connection."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from live.running import run, served
from live.serving import serve
from unit.test_node_asked import MODULE, NEEDS_NODE, NODE, evaluated
from unit.test_node_program import ran

from fake_server.answer import Answer
from fake_server.app import FakeServer
from fake_server.faults.drip import Drip
from fake_server.record import Ended
from harness import catalog
from harness.adapters.node import NodeAdapter
from harness.errors import AdapterError, UsageError
from harness.model import Finished, Job, Limits, Observed, Shown
from harness.verdict import Verdict

pytestmark = NEEDS_NODE
ROOT = MODULE.parents[2]
PAGE = (ROOT / "docs" / "node.md").read_text("utf-8")
REQUEST: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "x"}],
}
SLOWLY = Answer(faults=(Drip(seconds=0.01),))
QUICK = {"retry": {"base": 0.01}}
SOON_SECONDS = 0.1


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    with served() as base:
        yield base


# ---- the catalogue ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", ["1", *(pytest.param(seed, marks=pytest.mark.slow) for seed in "2345")])
def test_the_twin_passes_every_scenario(seed: str) -> None:
    results = run("node", seed=seed)
    wrong = {
        name: one.finding and one.finding.harm
        for name, one in results.items()
        if one.verdict in (Verdict.FAIL, Verdict.UNKNOWN)
    }
    assert wrong == {}
    assert sum(one.verdict is Verdict.PASS for one in results.values()) > 250


# ---- the program -----------------------------------------------------------------------------------------------------


def job(base_url: str, **more: Any) -> dict[str, Any]:
    return {"base_url": base_url, "api_key": "k", "request": REQUEST, "policy": QUICK, **more}


def test_one_job_ends_with_an_answer_that_is_what_was_shown(api: str) -> None:
    status, lines = ran(asked=json.dumps(job(f"{api}/completion.plain"), indent=1))
    assert status == 0
    assert {line["type"] for line in lines} == {"text", "sentence", "done"}
    answer = lines[-1]["answer"]
    assert (answer["outcome"], answer["stop_reason"], answer["attempts"]) == ("complete", "end_turn", 1)
    for kind in ("text", "sentence"):
        assert "".join(line["text"] for line in lines if line["type"] == kind) == answer["text"]


def test_a_job_that_recovers_says_so(api: str) -> None:
    status, lines = ran(asked=json.dumps(job(f"{api}/cutoff.reset_mid_text")))
    (notice,) = (line for line in lines if line["type"] == "notice")
    assert (status, notice["next"], notice["what"], notice["attempt"]) == (0, "continue", "asks for the rest", 2)
    assert (notice["error"]["name"], notice["error"]["typed"]) == ("ConnectionLost", True)


def test_a_job_without_a_complete_answer_ends_with_status_1(api: str) -> None:
    status, lines = ran(asked=json.dumps(job(f"{api}/http_status.status_401")))
    assert (status, lines[-1]["type"]) == (1, "error")
    told = lines[-1]["error"]
    assert (told["name"], told["status"], told["kind"]) == ("NotAuthorized", 401, "authentication_error")
    assert (told["retryable"], told["sent"], told["attempts"], told["partial"]) == (False, True, 1, "")
    assert ran(asked=json.dumps(job(f"{api}/completion.max_tokens")))[0] == 1


def test_many_jobs_run_at_once_and_every_line_begins_with_its_id(api: str) -> None:
    asked = [
        {"id": "good", **job(f"{api}/completion.plain")},
        {"id": 7, **job(f"{api}/cutoff.fin_mid_text")},
        {"id": "refused", **job(f"{api}/http_status.status_401")},
    ]
    status, lines = ran("--many", asked="\n\n".join(json.dumps(one) for one in asked))
    assert status == 1
    assert {next(iter(line)) for line in lines} == {"id"}
    last = {line["id"]: line for line in lines}
    assert last["good"]["answer"]["outcome"] == last[7]["answer"]["outcome"] == "complete"
    assert last["refused"]["error"]["name"] == "NotAuthorized"


def test_a_bad_line_among_many_spoils_no_other(api: str) -> None:
    good = {"id": "good", **job(f"{api}/completion.plain")}
    asked = ["{", "{}", '{"id": "bad", "request": 1}', '{"id": "nobody", "cancel": true}', json.dumps(good)]
    status, lines = ran("--many", asked="\n".join(asked))
    bad = [(line["id"], line["error"]["name"]) for line in lines if line["type"] == "error"]
    assert status == 2
    assert sorted(bad, key=str) == [("bad", "BadJob"), (None, "BadJob"), (None, "BadJob")]
    assert [line["answer"]["outcome"] for line in lines if line["type"] == "done"] == ["complete"]


def test_jobs_of_one_client_are_made_by_the_first_until_it_is_closed(api: str) -> None:
    shared = job(f"{api}/completion.plain", client="one")
    asked = [
        {"id": 1, **shared},
        {"id": 2, **shared, "base_url": f"{api}/http_status.status_401"},
        {"client": "one", "close": True},
        {"id": 3, **shared, "base_url": f"{api}/http_status.status_401"},
    ]
    status, lines = ran("--many", asked="\n".join(json.dumps(one) for one in asked))
    last = {line["id"]: line["type"] for line in lines}
    assert (status, last) == (1, {1: "done", 2: "done", 3: "error"})


def test_a_line_may_be_long_and_hold_what_others_take_for_its_end(api: str) -> None:
    content = "one\u2028two\u2029three\x85" + "x" * (3 << 20)
    request = {**REQUEST, "messages": [{"role": "user", "content": content}]}
    asked = {"id": 1, **job(f"{api}/completion.plain"), "request": request}
    status, lines = ran("--many", asked=json.dumps(asked, ensure_ascii=False))
    assert (status, lines[-1]["answer"]["outcome"]) == (0, "complete")


# ---- how it leaves ---------------------------------------------------------------------------------------------------

LEAVES = {
    "break": "for await (const event of client.stream(request)) if (event.type === 'text') break;",
    "throw": "try { for await (const e of client.stream(request)) if (e.type === 'text') throw 1; } catch {}",
    "abort": """const stop = new AbortController();
        for await (const event of client.stream(request, { signal: stop.signal })) {
          if (event.type === 'text') { left(); stop.abort(); }
          if (event.type === 'done') console.error(event.answer.outcome, event.answer.text.length > 0);
        }""",
    "return": """const events = client.stream(request)[Symbol.asyncIterator]();
        while ((await events.next()).value?.type !== 'text');
        const waiting = [events.next(), events.next(), events.next()];
        left();
        await events.return();""",
}


@pytest.mark.parametrize("how", LEAVES)
async def test_whoever_leaves_closes_the_connection_at_once(how: str) -> None:
    assert min([await seconds_to_close(LEAVES[how]) for _ in range(3)]) < SOON_SECONDS


async def seconds_to_close(leave: str) -> float:
    """From the decision to leave until the server has seen it. The process goes on: it is not its end that closes."""
    async with FakeServer() as server:
        url, records = serve(server, SLOWLY)
        program = f"""
            import {{ StreamClient }} from {json.dumps(MODULE.as_uri())};
            const client = new StreamClient({{ apiKey: 'k', baseUrl: {json.dumps(url)} }});
            const request = {json.dumps(REQUEST)};
            const left = () => console.log('left');
            {leave.replace(" break;", " { left(); break; }").replace(" throw 1;", " { left(); throw 1; }")}
            setInterval(() => {{}}, 1000);
        """
        pipe = subprocess.PIPE
        command = [NODE, "--input-type=module", "--eval", program]
        process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
        assert process.stdout is not None
        try:
            assert await process.stdout.readline() == b"left\n"
            began = asyncio.get_running_loop().time()
            await asyncio.wait_for(records.until(lambda record: isinstance(record, Ended)), 5)
            return asyncio.get_running_loop().time() - began
        finally:
            process.kill()
            assert (await process.communicate())[1] in (b"", b"cancelled true\n")


def asked_of(url: str) -> Job:
    return Job(base_url=url, api_key="k", request=REQUEST, limits=Limits(), max_attempts=2, seed="1")


async def test_a_case_that_is_given_up_is_cancelled_at_once() -> None:
    assert min([await seconds_to_give_up(NodeAdapter()) for _ in range(3)]) < SOON_SECONDS


async def seconds_to_give_up(adapter: NodeAdapter) -> float:
    async with FakeServer() as server:
        url, records = serve(server, SLOWLY)
        async with aclosing(adapter.run(asked_of(url))) as observations:
            assert isinstance(await anext(observations), Shown)
            began = asyncio.get_running_loop().time()
        await asyncio.wait_for(records.until(lambda record: isinstance(record, Ended)), 5)
        return asyncio.get_running_loop().time() - began


@pytest.mark.parametrize("words", [[], ["--many"]])
async def test_ctrl_c_closes_the_connections_and_says_what_was_kept(words: list[str]) -> None:
    async with FakeServer() as server:
        url, records = serve(server, SLOWLY)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(NODE, str(MODULE), *words, stdin=pipe, stdout=pipe, stderr=pipe)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({**job(url), **({"id": 1} if words else {})}).encode() + b"\n")
        if not words:
            process.stdin.close()
        await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(records.until(lambda record: isinstance(record, Ended)), 5)
        out, err = await process.communicate()
        assert (process.returncode, err) == (1, b"")
        assert json.loads(out.splitlines()[-1])["answer"]["outcome"] == "cancelled"


async def test_each_request_has_a_connection_of_its_own_which_the_client_closes() -> None:
    requests, closed = 0, asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"\r\nconnection: close\r\n" in head.lower()
        await reader.readexactly(int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))
        requests += 1
        writer.write(b"HTTP/1.1 529 Overloaded\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\n{}")
        assert await reader.read() == b""  # no second request, and then the end
        if requests == 3:
            closed.set()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        asked = json.dumps(job(url, policy={"retry": {"base": 0, "max_attempts": 3}}))
        status, lines = await asyncio.to_thread(ran, asked=asked)
        await asyncio.wait_for(closed.wait(), 5)
    assert (status, requests, lines[-1]["error"]["attempts"]) == (1, 3, 3)


SERVED = """
    const { default: http } = await import('node:http');
    const { gzipSync } = await import('node:zlib');
    const request = REQUEST;
    let asked = 0;
    const server = http.createServer((_, response) => { asked += 1; answer(response); });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const baseUrl = `http://127.0.0.1:${server.address().port}`;
    const client = (policy) => new twin.StreamClient({ apiKey: 'k', baseUrl, policy });
    PROGRAM
    server.closeAllConnections();
    server.close();
""".replace("REQUEST", json.dumps(REQUEST))


def told(answer: str, program: str) -> list[str]:
    """What ``program`` prints beside a server that does ``answer`` with each ``response``."""
    answering = f"const answer = (response) => {{ {answer} }};"
    return evaluated(answering + SERVED.replace("PROGRAM", program)).splitlines()


@pytest.mark.parametrize("answer", ["response.writeHead(529).end();", ""], ids=["backing off", "unanswered"])
def test_a_cancel_is_noticed_at_once_whatever_is_waited_for(answer: str) -> None:
    program = """
        let began;
        const stream = client({ retry: { base: 30 } }).stream(request);
        setTimeout(() => { began = performance.now(); stream.cancel(); }, 200);
        for await (const event of stream) {
          if (event.type === 'done') console.log(event.answer.outcome, asked, performance.now() - began);
        }"""
    ((outcome, asked, after),) = (line.split() for line in told(answer, program))
    assert (outcome, asked) == ("cancelled", "1")
    assert float(after) < SOON_SECONDS * 1000


def test_a_call_that_is_cancelled_before_it_begins_asks_nobody() -> None:
    program = """
        const stream = client({}).stream(request);
        stream.cancel();
        for await (const event of stream) console.log(event.type, event.answer.outcome);
        for await (const event of client({}).stream(request, { signal: AbortSignal.abort() })) console.log(event.type);
        await new Promise((resolve) => setTimeout(resolve, 50));
        console.log(asked);"""
    assert told("response.end();", program) == ["done cancelled", "done", "0"]


@pytest.mark.parametrize("seconds", ["Infinity", "1.333", "0.9999"])
def test_limits_may_be_infinite_or_of_any_fraction(seconds: str) -> None:
    body = '{"type":"message","content":[{"type":"text","text":"Hi."}],"stop_reason":"end_turn"}'
    names = ("connect", "firstByte", "firstEvent", "idle", "progress", "closing", "total", "wholeResponse")
    limits = ", ".join(f"{name}: {seconds}" for name in names)
    answer = f"response.writeHead(200, {{ 'content-type': 'application/json' }}).end('{body}');"
    assert told(answer, f"console.log((await client({{ limits: {{ {limits} }} }}).complete(request)).text);") == ["Hi."]


def test_what_a_few_bytes_become_is_never_whole_in_memory() -> None:
    head = "{ 'content-type': 'text/event-stream', 'content-encoding': 'gzip' }"
    program = """
        const bomb = gzipSync(Buffer.alloc(400 << 20, ': a comment\\n'));
        const before = process.memoryUsage.rss();
        let peak = before;
        const look = setInterval(() => { peak = Math.max(peak, process.memoryUsage.rss()); }, 1);
        await client({ retry: { maxAttempts: 1 } }).complete(request).catch((error) => console.log(error.name));
        clearInterval(look);
        console.log(peak - before);"""
    name, more = told(f"response.writeHead(200, {head}).end(bomb);", program)
    assert name == "LimitExceeded"
    assert int(more) < 200 << 20


def test_300_calls_have_300_connections() -> None:
    program = """
        const streams = Array.from({ length: 300 }, () => client({}).stream(request));
        const calls = streams.map(async (stream) => { for await (const _ of stream); });
        for (let waits = 0; asked < 300 && waits < 100; waits++) await new Promise((next) => setTimeout(next, 50));
        console.log(asked);
        for (const stream of streams) stream.cancel();
        await Promise.all(calls);"""
    assert told("", program) == ["300"]


def test_what_no_network_can_cause_is_typed_too() -> None:
    program = """
        const ask = (more) => client({}).complete({ ...request, ...more });
        const tell = (error) => console.log(error.name, error.sent, error.retryable, error.cause.message);
        await ask({ max_tokens: 1n }).catch(tell);
        http.request = () => { throw new Error('a hook'); };
        await ask({}).catch(tell);"""
    assert told("", program) == [
        "RequestNotSendable false false Do not know how to serialize a BigInt",
        "TransportBroken null false a hook",
    ]


# ---- the adapter -----------------------------------------------------------------------------------------------------


async def test_a_process_that_dies_is_the_adapters_fault_and_the_next_case_has_another() -> None:
    async with FakeServer() as server:
        url, _ = serve(server, SLOWLY, Answer())
        adapter = NodeAdapter()
        async with aclosing(adapter.run(asked_of(url))) as observations:
            assert isinstance(await anext(observations), Shown)
            (calls,) = adapter._running.values()
            (await calls)._process._process.kill()
            with pytest.raises(AdapterError, match=r"its program ended with status -9: nothing on the standard error"):
                await ending(observations)
        assert isinstance(await ending(adapter.run(asked_of(url))), Finished)


async def ending(observations: AsyncIterator[Observed]) -> Observed:
    return [one async for one in observations][-1]


def test_the_process_ends_with_its_event_loop() -> None:
    adapter = NodeAdapter()

    async def leave_it() -> int:
        async with FakeServer() as server:
            url, _ = serve(server, Answer())
            await ending(adapter.run(asked_of(url)))
            (calls,) = adapter._running.values()
            return (await calls)._process._process.pid

    pid = asyncio.run(leave_it())
    assert adapter._running == {}
    assert not Path(f"/proc/{pid}/stat").exists()


@pytest.mark.parametrize("old", [None, "v18.20.0", "nonsense"])
def test_without_a_node_that_is_new_enough_the_way_out_is_told(
    old: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if old is not None:
        (tmp_path / "node").write_text(f"#!/bin/sh\necho {old}\n")
        (tmp_path / "node").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("harness.adapters.node.ADAPTER", NodeAdapter())
    with pytest.raises(UsageError, match=r"client 'node' needs Node.js 20 or later") as raised:
        catalog.adapter("node")
    assert ("https://nodejs.org" in str(raised.value)) == (old is None)


# ---- the page --------------------------------------------------------------------------------------------------------


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def printed(*command: str, base_url: str, folder: Path) -> str:
    path = f"{Path(NODE).parent}:/usr/bin:/bin"
    env = {"PATH": path, "ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_API_KEY": "k", "GATEWAY_KEY": "k"}
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(("scenario", "ending"), [("completion.plain", "1 request"), ("resume.user_turn", "2 request")])
def test_the_example_of_the_page_runs(scenario: str, ending: str, api: str, tmp_path: Path) -> None:
    shutil.copy(MODULE, tmp_path)
    example, settings = blocks("js")
    (tmp_path / "example.mjs").write_text(example, "utf-8")
    out = printed(NODE, "example.mjs", base_url=f"{api}/{scenario}", folder=tmp_path)
    assert out.splitlines()[-1] == f"complete, {ending}(s)"
    (tmp_path / "settings.mjs").write_text("import { StreamClient } from './streamproof.mjs';\n" + settings, "utf-8")
    assert printed(NODE, "settings.mjs", base_url="", folder=tmp_path) == ""


def test_the_commands_of_the_page_run(api: str) -> None:
    one, many = (
        printed("bash", "-c", block, base_url=f"{api}/completion.plain", folder=ROOT) for block in blocks("bash")
    )
    assert json.loads(one.splitlines()[-1])["answer"]["outcome"] == "complete"
    done = [line for line in map(json.loads, many.splitlines()) if line["type"] == "done"]
    assert sorted(line["id"] for line in done) == ["a", "b", "c"]
