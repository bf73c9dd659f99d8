"""The proxy before a real server behind TLS: what it leaves as it is, what its faults do, what it keeps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest
from aiohttp import web
from live.serving import Records, serve
from live.tls import behind_tls

from client_under_test import StreamClient, events
from client_under_test.errors import StreamError
from client_under_test.policy import Policy, RetryPolicy
from fake_server.answer import Answer
from fake_server.app import FakeServer
from fake_server.blocks import text_block
from fake_server.fault import Fault
from fake_server.faults.close_early import CloseEarly
from fake_server.faults.drop_event import DropEvent
from fake_server.faults.error_event import ErrorEvent
from fake_server.faults.reset_connection import ResetConnection
from fake_server.faults.stall_forever import StallForever
from fake_server.position import AtEvent
from fake_server.record import Ended, Requested, ServerRecord, Struck
from fake_server.script import Step
from harness import catalog
from harness.proxy import chaos
from harness.proxy.chaos import Chaos
from harness.proxy.passed import Passed
from harness.proxy.server import Proxy
from harness.proxy.upstream import Upstream
from harness.reference import read_events

KEY = "sk-ant-api03-this-is-nobodys-business"
GOOD = {"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
HEADERS = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
DELTA = "content_block_delta"
SEVENTH_DROPPED = chaos.of_faults((DropEvent(at=AtEvent(DELTA, 6)),))
ERROR_AFTER_THREE = chaos.of_faults((ErrorEvent(at=AtEvent(DELTA, 3)),))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer() as running:
        yield running


@dataclass
class Running:
    """A proxy, and what it told and kept."""

    url: str
    told: list[ServerRecord] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    kept: list[Passed] = field(default_factory=list)


@asynccontextmanager
async def proxied(url: str, done: Chaos | None = None, cafile: Path | None = None) -> AsyncIterator[Running]:
    """A proxy before the server at ``url``."""
    running = Running("")
    upstream = Upstream(url, cafile)
    async with upstream:
        proxy = Proxy(
            upstream,
            done or Chaos(),
            seed="1",
            sink=running.told.append,
            warn=running.warned.append,
            keep=running.kept.append,
        )
        async with proxy:
            running.url = f"http://127.0.0.1:{proxy.port}"
            yield running


@asynccontextmanager
async def secured(server: FakeServer, folder: Path, done: Chaos | None = None, *steps: Step) -> AsyncIterator[Running]:
    """A proxy before a server behind TLS that answers ``steps``; one whole answer when there are none."""
    serve(server, *(steps or (Answer(),)))
    async with behind_tls(server.port, folder) as tls, proxied(f"{tls.url}/case/case", done, tls.cafile) as running:
        yield running


async def post(url: str, **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=10) as client:
        return await client.post(f"{url}/v1/messages", **{"json": {**GOOD, "stream": True}, "headers": HEADERS, **more})


def deltas(body: bytes) -> list[str]:
    return [json.loads(data)["delta"]["text"] for name, data in read_events(body) if name == DELTA]


async def whole(server: FakeServer) -> httpx.Response:
    """The answer without a proxy."""
    url, _ = serve(server, Answer(), token="direct")
    return await post(url)


@dataclass
class Seen:
    """What the user of a client saw, and how the call ended."""

    text: str = ""
    ended: str = ""


async def by_sdk(url: str) -> Seen:
    """The official SDK's own view."""
    seen = Seen()
    async with anthropic.AsyncAnthropic(api_key=KEY, base_url=url, max_retries=0) as client:
        try:
            async with client.messages.stream(**GOOD) as stream:
                async for text in stream.text_stream:
                    seen.text += text
                seen.ended = str((await stream.get_final_message()).stop_reason)
        except anthropic.APIError as error:
            seen.ended = f"{type(error).__name__}: {error}"
    return seen


async def by_bundled(url: str) -> Seen:
    """The bundled client's."""
    seen = Seen()
    async with StreamClient(base_url=url, api_key=KEY, policy=Policy(retry=RetryPolicy(max_attempts=1))) as client:
        try:
            async for event in client.stream(GOOD):
                if isinstance(event, events.Text):
                    seen.text += event.text
                elif isinstance(event, events.Done):
                    seen.ended = event.answer.stop_reason or ""
        except StreamError as error:
            seen.ended = f"{type(error).__name__}: {error}"
    return seen


CLIENTS = pytest.mark.parametrize("client", [by_sdk, by_bundled])


async def test_without_a_fault_head_and_body_are_the_servers_byte_for_byte(server: FakeServer, tmp_path: Path) -> None:
    direct = await whole(server)
    async with secured(server, tmp_path) as proxy:
        passed = await post(proxy.url)
    assert passed.content == direct.content
    assert [(n, v) for n, v in passed.headers.multi_items() if n != "date"] == [
        (n, v) for n, v in direct.headers.multi_items() if n != "date"
    ]


@CLIENTS
async def test_without_a_fault_a_client_gets_the_whole_answer(server: FakeServer, tmp_path: Path, client: Any) -> None:
    said = "".join(deltas((await whole(server)).content))
    async with secured(server, tmp_path) as proxy:
        assert await client(proxy.url) == Seen(said, "end_turn")


@CLIENTS
async def test_of_a_dropped_seventh_delta_exactly_its_text_is_missing(
    server: FakeServer, tmp_path: Path, client: Any
) -> None:
    said = deltas((await whole(server)).content)
    async with secured(server, tmp_path, SEVENTH_DROPPED) as proxy:
        assert await client(proxy.url) == Seen("".join([*said[:6], *said[7:]]), "end_turn")
    assert [one.fault for one in proxy.told if isinstance(one, Struck)] == ["drop_event"]


@CLIENTS
async def test_of_an_error_after_three_deltas_exactly_three_are_seen(
    server: FakeServer, tmp_path: Path, client: Any
) -> None:
    said = deltas((await whole(server)).content)
    async with secured(server, tmp_path, ERROR_AFTER_THREE) as proxy:
        seen = await client(proxy.url)
    assert seen.text == "".join(said[:3])
    assert "verloaded" in seen.ended


async def test_each_attempt_meets_its_own_step_of_the_scenario(server: FakeServer, tmp_path: Path) -> None:
    done = chaos.of_scenario(catalog.scenarios()["cutoff.clean_end_mid_text"])
    async with secured(server, tmp_path, done) as proxy:
        sizes = [len(deltas((await post(proxy.url)).content)) for _ in range(3)]
        again = len(deltas((await post(f"{proxy.url}/case/another")).content))
    assert sizes[0] == 18 < sizes[1] == sizes[2]
    assert again == 18


async def test_a_refusal_of_the_scenario_is_answered_without_the_server(server: FakeServer, tmp_path: Path) -> None:
    done = chaos.of_scenario(catalog.scenarios()["rate_limit.retry_after_seconds"])
    _, records = serve(server, Answer())
    async with behind_tls(server.port, tmp_path) as tls, proxied(f"{tls.url}/case/case", done, tls.cafile) as proxy:
        refused = await post(proxy.url)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert records.of(Requested) == []
        assert (await post(proxy.url)).status_code == 200
    assert len(records.of(Requested)) == 1
    assert [(one.status, one.ended) for one in proxy.kept] == [(429, "end"), (200, "end")]


@pytest.mark.parametrize("path", ["/v1/chat/completions?x=/v1/messages", "/v1/responses"])
async def test_who_asks_as_openai_is_refused_in_its_words(path: str) -> None:
    done = chaos.of_scenario(catalog.scenarios()["rate_limit.retry_after_seconds"])
    async with proxied("http://127.0.0.1:1", done) as proxy, httpx.AsyncClient(timeout=10) as client:
        limited, unreachable = [await client.post(f"{proxy.url}{path}", json={}) for _ in range(2)]
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "1")
    assert limited.headers["x-request-id"].startswith("req_")
    assert "request-id" not in limited.headers
    assert unreachable.status_code == 502
    for answer in (limited, unreachable):
        assert list(answer.json()) == ["error"]
        assert list(answer.json()["error"]) == ["message", "type", "param", "code"]


async def test_a_fault_that_does_not_strike_is_told(server: FakeServer, tmp_path: Path) -> None:
    async with secured(server, tmp_path, chaos.of_faults((DropEvent(at=AtEvent(DELTA, 999)),))) as proxy:
        await post(proxy.url)
        await post(proxy.url, json=GOOD)
    assert proxy.warned == [
        "drop_event never struck in reply 1",
        "reply 2 is no event stream, so no fault strikes it",
    ]


async def test_events_are_passed_on_while_the_server_is_silent(server: FakeServer, tmp_path: Path) -> None:
    silent = Answer(faults=(StallForever(at=AtEvent(DELTA, 3)),))
    async with (
        secured(server, tmp_path, None, silent) as proxy,
        httpx.AsyncClient(timeout=10) as client,
        client.stream("POST", f"{proxy.url}/v1/messages", json={**GOOD, "stream": True}, headers=HEADERS) as response,
    ):
        body = b""
        async for data in response.aiter_bytes():
            body += data
            if len(deltas(body)) == 3:
                break
    assert len(deltas(body)) == 3


async def leave_at_the_first_byte(url: str) -> None:
    async with (
        httpx.AsyncClient(timeout=10) as client,
        client.stream("POST", f"{url}/v1/messages", json={**GOOD, "stream": True}, headers=HEADERS) as response,
    ):
        async for _ in response.aiter_bytes():
            break


async def test_a_client_that_leaves_is_felt_by_the_server_at_once(server: FakeServer, tmp_path: Path) -> None:
    _, records = serve(server, Answer(faults=(StallForever(at=AtEvent(DELTA, 3)),)))
    async with behind_tls(server.port, tmp_path) as tls, proxied(f"{tls.url}/case/case", None, tls.cafile) as proxy:
        await leave_at_the_first_byte(proxy.url)
        async with asyncio.timeout(5):
            await records.until(lambda one: isinstance(one, Ended) and one.how == "peer_closed")
    assert [one.ended for one in proxy.kept] == ["left"]


async def left_before_the_head(url: str, records: Records) -> None:
    asking = asyncio.create_task(post(url))
    await records.until(lambda one: isinstance(one, Requested))
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_a_client_that_leaves_before_the_head_is_felt_too(server: FakeServer) -> None:
    url, records = serve(server, *catalog.scenarios()["stall.before_head"].script.steps[:1])
    async with proxied(url) as proxy, asyncio.timeout(5):
        await left_before_the_head(proxy.url, records)
        await records.until(lambda one: isinstance(one, Ended))
    assert [(one.status, one.ended) for one in proxy.kept] == [(None, "left")]


@pytest.mark.parametrize(
    ("fault", "ended", "error"),
    [
        (CloseEarly(at=AtEvent(DELTA, 3)), "close", httpx.RemoteProtocolError),
        (ResetConnection(at=AtEvent(DELTA, 3)), "reset", httpx.ReadError),
    ],
)
async def test_a_server_that_breaks_off_is_felt_by_the_client_as_it_was(
    server: FakeServer, fault: Fault, ended: str, error: type[Exception]
) -> None:
    url, _ = serve(server, Answer(faults=(fault,)))
    async with proxied(url) as proxy:
        with pytest.raises(error):
            await post(proxy.url)
    assert [one.ended for one in proxy.kept] == [ended]
    assert len(deltas(b"".join(data for data, _ in proxy.kept[0].pieces))) == 3


# ---- what cannot be asked


async def gateway(proxy: Running) -> tuple[int, str, str]:
    answer = await post(proxy.url)
    error = answer.json()["error"]
    return answer.status_code, error["type"], error["message"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:1", "Connect call failed"),
        ("https://nobody.invalid", "nobody.invalid"),
    ],
)
async def test_a_server_that_cannot_be_reached_is_a_502_of_the_apis_shape(url: str, why: str) -> None:
    async with proxied(url) as proxy:
        status, kind, message = await gateway(proxy)
    assert (status, kind) == (502, "api_error")
    assert message.startswith(f"streamproof proxy: {url} cannot be asked: ")
    assert why in message
    assert len(proxy.warned) == 1
    assert [one.ended for one in proxy.kept] == ["unreachable"]


async def test_a_certificate_of_an_authority_that_is_not_trusted_is_a_502(server: FakeServer, tmp_path: Path) -> None:
    async with behind_tls(server.port, tmp_path) as tls, proxied(tls.url) as proxy:
        status, _, message = await gateway(proxy)
    assert status == 502
    assert "certificate is not trusted" in message
    assert "--cafile" in message


async def test_a_certificate_for_another_name_is_a_502(server: FakeServer, tmp_path: Path) -> None:
    async with (
        behind_tls(server.port, tmp_path, name="elsewhere.example") as tls,
        proxied(tls.url, None, tls.cafile) as proxy,
    ):
        assert (await gateway(proxy))[0] == 502


# ---- requests and answers of every kind


async def echo(http: web.Request) -> web.StreamResponse:
    """Tells what was asked."""
    if http.path == "/nothing":
        return web.Response(status=204, headers={"x-odd": "1"})
    if http.path == "/moved":
        return web.Response(status=307, headers={"location": "/elsewhere"})
    told = {
        "method": http.method,
        "path": http.raw_path,
        "headers": [[name.decode().lower(), value.decode()] for name, value in http.raw_headers],
        "body": (await http.read()).decode(),
    }
    response = web.json_response(told, headers={"connection": "x-hop", "x-hop": "1", "x-end": "1"})
    response.headers.add("set-cookie", "a=1")
    response.headers.add("set-cookie", "b=2")
    return response


@pytest.fixture
async def echoing() -> AsyncIterator[Running]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with proxied(f"http://127.0.0.1:{runner.addresses[0][1]}") as proxy:
        yield proxy
    await runner.cleanup()


async def asked(proxy: Running, method: str, path: str, **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=10) as client:
        return await client.request(method, httpx.URL(proxy.url).copy_with(raw_path=path.encode()), **more)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"])
@pytest.mark.parametrize("path", ["/", "/v1/models?after=%2Fa%20b&x", "//odd/%7Epath/b", "/case/x/v1/files"])
async def test_any_method_and_path_are_passed_on_as_they_are(echoing: Running, method: str, path: str) -> None:
    answer = (await asked(echoing, method, path, content=b"body")).json()
    assert (answer["method"], answer["path"], answer["body"]) == (method, path.removeprefix("/case/x"), "body")


async def test_headers_of_the_connection_are_not_passed_on_and_all_others_are(echoing: Running) -> None:
    sent = {
        "connection": "x-mine",
        "x-mine": "1",
        "te": "trailers",
        "x-odd": "é".encode(),
        "accept-encoding": "gzip, br",
    }
    answer = await asked(echoing, "POST", "/v1/x", headers=sent, content=b"{}")
    passed = dict(answer.json()["headers"])
    assert (passed["accept-encoding"], passed["x-odd"], passed["content-length"]) == ("identity", "é", "2")
    assert not {"x-mine", "te", "connection"} & passed.keys()
    assert passed["host"] != httpx.URL(echoing.url).netloc.decode()
    assert (answer.headers.get("x-hop"), answer.headers["x-end"]) == (None, "1")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


async def test_a_head_request_gets_the_length_and_no_body(echoing: Running) -> None:
    told = await asked(echoing, "HEAD", "/x")
    assert (told.status_code, told.content) == (200, b"")
    assert int(told.headers["content-length"]) > 0


async def test_an_answer_without_a_body_stays_one(echoing: Running) -> None:
    nothing = await asked(echoing, "GET", "/nothing")
    assert (nothing.status_code, nothing.headers["x-odd"]) == (204, "1")
    assert not {"content-length", "transfer-encoding"} & nothing.headers.keys()


async def test_a_redirect_is_passed_on_and_not_followed(echoing: Running) -> None:
    moved = await asked(echoing, "POST", "/moved", content=b"{}")
    assert (moved.status_code, moved.headers["location"]) == (307, "/elsewhere")


async def test_of_a_head_request_to_nobody_there_is_no_body() -> None:
    async with proxied("http://127.0.0.1:1") as proxy:
        told = await asked(proxy, "HEAD", "/x")
    assert (told.status_code, told.content) == (502, b"")


# ---- what is kept


@pytest.mark.parametrize("with_body", [False, True])
async def test_no_key_is_kept(server: FakeServer, tmp_path: Path, with_body: bool) -> None:
    request = {**GOOD, "stream": True, "system": f"My key is {KEY}."}
    more = {"authorization": "Bearer opaque-token-of-mine", "cookie": "session=opaque-cookie"}
    async with secured(server, tmp_path) as proxy:
        await post(f"{proxy.url}", json=request, headers={**HEADERS, **more}, params={"key": "opaque-in-the-query"})
    (passed,) = proxy.kept
    exchange = passed.exchange("https://api.example", with_body=with_body)
    assert not any(one in repr(exchange) for one in (KEY, "opaque"))
    assert (exchange.request_body is not None) == with_body
    assert "Hi" in (exchange.request_body or "Hi")
    assert not any(KEY in repr(one) for one in (*proxy.told, *proxy.warned))


async def test_no_key_that_a_model_says_is_kept(server: FakeServer, tmp_path: Path) -> None:
    said = Answer(blocks=(text_block(f"Your key is {KEY}.", pieces=(f"Your key is {KEY[:9]}", f"{KEY[9:]}.")),))
    async with secured(server, tmp_path, None, said) as proxy:
        told = "".join(deltas((await post(proxy.url)).content))
    (passed,) = proxy.kept
    kept = "".join(deltas(passed.exchange("https://api.example", with_body=False).body))
    assert told == f"Your key is {KEY}."
    assert (kept.startswith("Your key is redacted"), len(kept), KEY[9:] in kept) == (True, len(told), False)


async def test_what_is_kept_is_what_the_server_said_before_the_faults(server: FakeServer, tmp_path: Path) -> None:
    direct = await whole(server)
    async with secured(server, tmp_path, SEVENTH_DROPPED) as proxy:
        await post(proxy.url)
    (passed,) = proxy.kept
    exchange = passed.exchange("https://api.example", with_body=False)
    assert (exchange.body, exchange.status, exchange.ended) == (direct.content, 200, "end")
    assert [one["is"] for one in exchange.faults] == ["DropEvent"]
