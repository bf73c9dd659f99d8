"""The examples of the client's pages, run as they stand against fakes of everybody they talk to."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from live.running import served

from client_under_test import StreamClient
from client_under_test.sinks.signing import key
from fake_server.receivers.slack import FakeSlack
from fake_server.receivers.webhook import FakeWebhook

DOCS = Path(__file__).parents[2] / "docs"
SECRET = "whsec_c3RyZWFtcHJvb2Y="
REQUEST = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


def the(word: str) -> str:
    """The example on the page of sinks that has ``word``."""
    (code,) = (one for one in blocks("sinks.md") if word in one)
    return code


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with served() as base:
        yield base


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as running:
        yield running


def environment(base_url: str, **more: str) -> dict[str, str]:
    return {**os.environ, "ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_API_KEY": "k", **more}


async def ran(code: str, base_url: str, **more: str) -> str:
    """What ``code`` prints in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=environment(base_url, **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def answer_of(base_url: str) -> str:
    async with StreamClient(api_key="k", base_url=base_url) as client:
        return (await client.complete(REQUEST)).text


@pytest.mark.parametrize("code", blocks("metrics.md"))
async def test_every_example_of_the_metrics_page_runs(code: str, server: str) -> None:
    await ran(code, f"{server}/resume.user_turn", SENTRY_DSN="")


async def test_the_terminal_example_shows_the_answer(server: str) -> None:
    shown = await ran(the("Terminal()"), f"{server}/seam.after_a_space")
    assert "[connection lost, continuing]" in shown
    assert "the miller. Nobody in the village knows" in shown


async def test_the_slack_example_leaves_the_whole_answer_in_the_channel(server: str, slack: FakeSlack) -> None:
    base = f"{server}/resume.user_turn"
    await ran(the("SlackMessage("), base, SLACK_BASE_URL=slack.url, SLACK_BOT_TOKEN="x", SLACK_CHANNEL="C1")
    assert "".join(slack.visible()) == await answer_of(f"{server}/resume.user_turn")


async def test_the_slack_stream_example_leaves_the_whole_answer_in_the_thread(server: str, slack: FakeSlack) -> None:
    more = {"SLACK_BASE_URL": slack.url, "SLACK_BOT_TOKEN": "x", "SLACK_CHANNEL": "C1", "SLACK_THREAD": "1.0"}
    more |= {"SLACK_TEAM": "T1", "SLACK_USER": "U1"}
    await ran(the("SlackStream("), f"{server}/completion.plain", **more)
    assert "".join(slack.visible()) == await answer_of(f"{server}/completion.plain")


async def test_the_ephemeral_example_replaces_the_message(server: str, slack: FakeSlack) -> None:
    url = slack.response_url(original="Working…")
    await ran(the("SlackEphemeral("), f"{server}/completion.plain", SLACK_RESPONSE_URL=url)
    assert slack.visible_to_one() == [await answer_of(f"{server}/completion.plain")]


async def test_the_webhook_example_tells_the_whole_answer(server: str) -> None:
    async with FakeWebhook(key(SECRET)) as hook:
        await ran(the("Webhook("), f"{server}/resume.user_turn", WEBHOOK_URL=hook.url, WEBHOOK_SECRET=SECRET)
        assert hook.last is not None
        assert hook.last["text"] == hook.text == await answer_of(f"{server}/resume.user_turn")


@contextmanager
def running(code: str, base_url: str) -> Iterator[str]:
    """A server made of ``code``; gives its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=environment(base_url, PORT=str(port)), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def test_the_relay_example_is_an_api_of_its_own(server: str) -> None:
    with running(the("web.run_app"), f"{server}/resume.user_turn") as relay:
        assert await answer_of(relay) == await answer_of(f"{server}/resume.user_turn")


async def test_the_asgi_example_relays_the_answer(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"{server}/completion.plain")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    names: dict[str, object] = {}
    exec(compile(the("RelayApp("), "docs/sinks.md", "exec"), names)
    transport = httpx.ASGITransport(app=names["app"])  # type: ignore[arg-type]
    async with (
        httpx.AsyncClient(transport=transport) as http,
        StreamClient(api_key="k", base_url="http://relay", http=http) as client,
    ):
        assert (await client.complete(REQUEST)).text == await answer_of(f"{server}/completion.plain")
