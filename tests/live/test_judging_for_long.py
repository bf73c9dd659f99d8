"""What `streamproof serve` keeps to judge has an end, and what it has not kept whole it does not judge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from harness import judging
from harness.logs import Say
from harness.serve import Serving

HEADERS = {"x-api-key": "any", "anthropic-version": "2023-06-01"}
ASK = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def serving(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serving]:
    """The catalogue, of which two calls of two requests are kept."""
    monkeypatch.setattr(judging, "MOST_SITTINGS", 2)
    monkeypatch.setattr(judging, "MOST_REQUESTS", 2)
    one = Serving(None, "1", Say(echo=lambda _text, err: err), None)
    async with one.server:
        yield one


@pytest.fixture
async def client(serving: Serving) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{serving.server.port}", headers=HEADERS, timeout=20
    ) as one:
        yield one


async def ask(client: httpx.AsyncClient, *tokens: str) -> None:
    for token in tokens:
        await client.post(f"/case/{token}/v1/messages", json=ASK)


async def status(client: httpx.AsyncClient, token: str) -> int:
    return (await client.post(f"/judge/{token}", content=b"x")).status_code


@asynccontextmanager
async def stalled(client: httpx.AsyncClient, token: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """An answer that has begun and does not go on."""
    async with client.stream("POST", f"/case/{token}/v1/messages", json=ASK) as response:
        body = response.aiter_bytes()
        await anext(body)
        yield body


A, B, C = (f"completion.plain~{name}" for name in "abc")


async def test_the_call_that_was_asked_of_longest_ago_is_forgotten_and_the_server_forgets_it_too(
    serving: Serving, client: httpx.AsyncClient
) -> None:
    await ask(client, A, B, A, C)
    assert [await status(client, token) for token in (A, B, C)] == [200, 404, 200]
    assert list(serving.server._cases) == [A, C]


async def test_a_call_that_is_being_answered_is_not_forgotten(client: httpx.AsyncClient) -> None:
    silent = [f"stall.mid_text~{name}" for name in "xyz"]
    async with AsyncExitStack() as stack:
        bodies = [await stack.enter_async_context(stalled(client, token)) for token in silent]
        assert len(bodies) == 3, "more than are kept"
        await ask(client, A, B)
        assert [await status(client, token) for token in (*silent, A, B)] == [200, 200, 200, 404, 200]


async def test_a_call_of_too_many_requests_is_not_judged_and_keeps_nothing(
    serving: Serving, client: httpx.AsyncClient
) -> None:
    await ask(client, A, A)
    assert await status(client, A) == 200
    await ask(client, A)
    answer = await client.post(f"/judge/{A}", content=b"x")
    assert answer.status_code == 400
    assert "3 requests are more than one call makes" in answer.json()["error"]
    assert serving.sittings[A].server == []


async def test_a_call_that_is_forgotten_begins_again_at_attempt_1(client: httpx.AsyncClient) -> None:
    cut = "cutoff.clean_end_mid_text~x"
    first, second = [await client.post(f"/case/{cut}/v1/messages", json=ASK) for _ in range(2)]
    await ask(client, A, B)
    again = await client.post(f"/case/{cut}/v1/messages", json=ASK)
    assert again.content == first.content != second.content
