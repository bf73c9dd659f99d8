"""The scripted server on real sockets: many peers at once, broken requests, secrets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from live.serving import serve

from fake_server.answer import Answer
from fake_server.app import FakeServer
from fake_server.faults.close_early import CloseEarly
from fake_server.faults.stall_forever import StallForever
from fake_server.position import AtEnd
from fake_server.record import Ended, Replied, Requested

GOOD = {"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
HEADERS = {"x-api-key": "sk-ant-secret", "anthropic-version": "2026-10-21"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer() as running:
        yield running


async def post(url: str, **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(verify=False, timeout=10) as client:
        return await client.post(f"{url}/v1/messages", **{"json": GOOD, "headers": HEADERS, **more})


@pytest.mark.parametrize(
    ("more", "status", "kind"),
    [
        ({"headers": {"anthropic-version": "2023-06-01"}}, 401, "authentication_error"),
        ({"headers": {"x-api-key": "k"}}, 400, "invalid_request_error"),
        ({"json": None, "content": b"{not json"}, 400, "invalid_request_error"),
        ({"json": None, "content": b"\xff\xfe"}, 400, "invalid_request_error"),
        ({"json": None, "content": b"[" * 100_000}, 400, "invalid_request_error"),
        ({"json": {"model": "m"}}, 400, "invalid_request_error"),
        ({"json": None, "content": b" " * (33 << 20)}, 413, "request_too_large"),
        ({"headers": {**HEADERS, "content-encoding": "gzip"}}, 400, "invalid_request_error"),
    ],
)
async def test_a_bad_request_gets_the_apis_own_error_and_the_next_one_is_served(
    server: FakeServer, more: dict[str, Any], status: int, kind: str
) -> None:
    url, _ = serve(server, Answer())
    refused = await post(url, **more)
    assert (refused.status_code, refused.json()["error"]["type"]) == (status, kind)
    assert (await post(url)).status_code == 200


async def test_a_refused_request_does_not_use_up_a_step_of_the_script(server: FakeServer) -> None:
    url, records = serve(server, Answer())
    await post(url, json={})
    await post(url)
    assert [record.step for record in records if isinstance(record, Replied)] == [0, 1]


@pytest.mark.parametrize(
    "raw", [b"NONSENSE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02", b"POST /case/case/v1/messages"]
)
async def test_bytes_that_are_no_request_never_end_the_server(server: FakeServer, raw: bytes) -> None:
    url, _ = serve(server, Answer())
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(raw)
    writer.write_eof()
    await reader.read()
    writer.close()
    assert (await post(url)).status_code == 200


async def test_an_unknown_case_is_a_404_that_says_what_to_ask_for(server: FakeServer) -> None:
    response = await post(f"http://127.0.0.1:{server.port}/case/nothing")
    assert (response.status_code, "/case/<scenario id>" in response.text) == (404, True)


@pytest.mark.parametrize(
    "headers", [HEADERS, {"authorization": "Bearer sk-ant-secret", "anthropic-version": "2023-06-01"}]
)
async def test_no_secret_reaches_a_record(server: FakeServer, headers: dict[str, str]) -> None:
    url, records = serve(server, Answer())
    await post(url, headers={**headers, "cookie": "sk-ant-secret"})
    assert any(isinstance(record, Requested) for record in records)
    assert "sk-ant-secret" not in repr(records)


async def test_the_connection_is_kept_after_a_clean_end_and_reused(server: FakeServer) -> None:
    url, _ = serve(server, Answer())
    async with httpx.AsyncClient() as client:
        ports = set()
        for _ in range(3):
            async with client.stream("POST", f"{url}/v1/messages", json=GOOD, headers=HEADERS) as response:
                await response.aread()
                ports.add(response.extensions["network_stream"].get_extra_info("client_addr")[1])
    assert len(ports) == 1


def raw_request(url: str) -> bytes:
    body = json.dumps(GOOD).encode()
    head = f"POST {httpx.URL(url).path}/v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
    return (head + "x-api-key: k\r\nanthropic-version: 2023-06-01\r\n\r\n").encode() + body


async def exchange(server: FakeServer, request: bytes, until: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    received = await (reader.readuntil(until) if until else reader.read())
    writer.close()
    await writer.wait_closed()
    return received


@pytest.mark.slow
@pytest.mark.parametrize("version", [b"1.0", b"1.1\r\nconnection: close"], ids=["HTTP/1.0", "close"])
async def test_who_wants_no_second_answer_finds_the_end_of_the_connection_behind_the_first(
    server: FakeServer, version: bytes
) -> None:
    serve(server, Answer())
    body = json.dumps(GOOD).encode()
    head = b"".join(b"%s: %s\r\n" % (name.encode(), value.encode()) for name, value in HEADERS.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /case/case/v1/messages HTTP/%s\r\nhost: x\r\n%s" % (version, head))
    writer.write(b"content-length: %d\r\n\r\n%s" % (len(body), body))
    async with asyncio.timeout(5):
        assert b"message_stop" in await reader.read()
    writer.close()


async def test_a_thousand_streams_are_served_at_once(server: FakeServer) -> None:
    url, records = serve(server, Answer(sentences=2))
    request = raw_request(url)
    answers = await asyncio.gather(*(exchange(server, request, b"\r\n0\r\n\r\n") for _ in range(1000)))
    assert {answer.split(b" ")[1] for answer in answers} == {b"200"}
    assert len(records.of(Ended)) == 1000


async def test_closing_a_case_ends_its_silence_and_records_that_the_client_had_not(server: FakeServer) -> None:
    url, records = serve(server, Answer(faults=(StallForever(at=AtEnd()),)))
    asking = asyncio.create_task(post(url))
    await records.until(lambda record: getattr(record, "event", "") == "message_stop")
    await server.close_case("case")
    assert isinstance(records[-1], Ended)
    assert records[-1].how == "abandoned"
    with pytest.raises(httpx.HTTPError):
        await asking


async def test_every_byte_before_a_cut_arrives(server: FakeServer) -> None:
    url, records = serve(server, Answer(faults=(CloseEarly(),)))
    received = await exchange(server, raw_request(url), b"")
    sent = b"".join(getattr(record, "data", b"") for record in records)
    assert received == sent
    assert isinstance(records[-1], Ended)
    assert records[-1].total == len(received)
