"""Sinks over real sockets: the real slack_sdk, httpx, aiohttp, and a foreign client behind the relay."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest
from aiohttp import web
from live.listener import listening
from live.running import served
from live.serving import serve
from sinking import Step, done, into, played, spoken
from slack_sdk.web.async_client import AsyncWebClient

from client_under_test import StreamClient
from client_under_test.answer import ToolCall
from client_under_test.errors import ConnectionLost, Overloaded
from client_under_test.events import Reset, Text
from client_under_test.sinks import SinkFailed, SinksFailed, deliver
from client_under_test.sinks.pace import Pace
from client_under_test.sinks.relay import relay
from client_under_test.sinks.slack import MRKDWN, SlackEphemeral, SlackMessage, SlackStream
from client_under_test.sinks.webhook import Webhook
from fake_server.answer import Answer
from fake_server.app import FakeServer
from fake_server.receivers.plan import Cut, Fails, Fault, Hangs, Limited, Plan, Says
from fake_server.receivers.slack import FakeSlack, Limits
from fake_server.receivers.webhook import FakeWebhook

ROOT = Path(__file__).parents[2]
KEY = b"a key of twenty-four bytes"
SECRET = f"whsec_{b64encode(KEY).decode()}"
QUICK = Limits(update_interval=0.01, post_interval=0.01, append_interval=0.01)
REQUEST = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
ASKED: dict[str, Any] = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
STEPS = spoken("Hello ", "dear ", "<reader>.", gap=0.02)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def _at_once(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.03))


def quick(every: float = 0.02) -> Pace:
    """Waits of seconds are over at once, and the clock believes it."""
    late = 0.0

    def clock() -> float:
        return asyncio.get_running_loop().time() + late

    async def pause(seconds: float) -> None:
        nonlocal late
        await _at_once(seconds)
        late += seconds - min(seconds, 0.03)

    return Pace(every, clock=clock, pause=pause)


def client(fake: FakeSlack, fault: Fault | None = None) -> AsyncWebClient:
    return AsyncWebClient("xoxb-1", base_url=fake.url, retry_handlers=[], timeout=timeout(fault))  # type: ignore[arg-type]


def timeout(fault: Fault | None) -> float:
    return 0.2 if isinstance(fault, Hangs) else 30


@pytest.mark.parametrize(
    "fault", [None, Fails(), Cut(), Cut(applied=True), Hangs(applied=True), Limited(retry_after=0)]
)
async def test_the_real_slack_sdk_shows_the_answer_in_a_message(fault: Fault | None) -> None:
    async with FakeSlack(Plan(calls={2: fault} if fault else {}), QUICK) as fake:
        await into(SlackMessage(client(fake, fault), channel="#general", pace=quick()), STEPS)
        assert fake.visible() == ["Hello dear <reader>."]


@pytest.mark.parametrize("fault", [None, Fails(), Cut(applied=True), Says(error="message_not_in_streaming_state")])
async def test_the_real_slack_sdk_streams_the_answer(fault: Fault | None) -> None:
    async with FakeSlack(Plan(calls={2: fault} if fault else {}), QUICK) as fake:
        sink = SlackStream(client(fake), channel="C1", thread_ts="1.0", recipient_user_id="U1", pace=quick())
        await into(sink, STEPS)
        assert fake.visible() == ["Hello dear &lt;reader>."]


async def test_messages_that_are_too_many_are_deleted_by_the_real_slack_sdk() -> None:
    long = "word " * 1_000
    async with FakeSlack(limits=QUICK) as fake:
        steps: list[Step] = [Text(long), 0.1, Reset(), Text("Short."), 0.05, done("Short.")]
        await into(SlackMessage(client(fake), channel="C1", pace=quick()), steps)
        assert fake.visible() == ["Short."]


async def test_the_real_slack_sdk_reports_a_refusal() -> None:
    async with FakeSlack(limits=QUICK) as fake:
        with pytest.raises(SinksFailed) as failed:
            await into(SlackMessage(client(fake), channel="nowhere", pace=quick()), STEPS)
        assert "channel_not_found" in str(failed.value.exceptions[0])


@pytest.mark.parametrize("fault", [None, Fails(), Cut()])
async def test_one_person_sees_the_answer_by_a_response_url(fault: Fault | None) -> None:
    async with FakeSlack(Plan(calls={1: fault} if fault else {})) as fake, httpx.AsyncClient() as http:
        await into(SlackEphemeral(fake.response_url(original="?"), http=http, pace=quick()), STEPS)
        assert fake.visible_to_one() == ["Hello dear <reader>."]


@pytest.mark.parametrize("fault", [None, Fails(), Cut(), Cut(applied=True), Hangs()])
async def test_a_webhook_is_told_the_answer(fault: Fault | None) -> None:
    async with (
        FakeWebhook(KEY, Plan(calls={1: fault} if fault else {})) as fake,
        httpx.AsyncClient(timeout=timeout(fault)) as http,
    ):
        await into(Webhook(fake.url, secret=SECRET, http=http, pace=quick(0)), STEPS)
        assert fake.text == "Hello dear <reader>."
        assert fake.last is not None
        assert fake.last["complete"]


@asynccontextmanager
async def relaying(steps: Iterable[Step], **more: Any) -> AsyncIterator[str]:
    """An aiohttp server that relays ``steps``; yields its URL."""

    async def messages(http: web.Request) -> web.StreamResponse:
        async with aclosing(relay(played(steps), **more)) as chunks:
            response = web.StreamResponse(headers={"content-type": "text/event-stream"})
            await response.prepare(http)
            async for chunk in chunks:
                await response.write(chunk)
            return response

    app = web.Application()
    app.router.add_post("/v1/messages", messages)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def raw(url: str) -> bytes:
    """Everything that the server sends, framing and all."""
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port)
    writer.write(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_receiver_that_answers_little_by_little_does_not_hold_the_answer_up_for_ever() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await asyncio.sleep(0.01)

    async with listening(drip) as port, httpx.AsyncClient(timeout=1.0) as http:
        sink = Webhook(f"http://127.0.0.1:{port}/", secret=b"s", http=http, patience=0.2)
        await sink.take(Text("Hello"))
        with pytest.raises(SinkFailed, match=r"did not answer within 0\.2 s, until it was too late"):
            await sink.finish(None)


async def test_a_foreign_client_reads_the_relayed_answer() -> None:
    call = ToolCall(id="t1", name="look", input={"at": "ä"})
    usage = {"input_tokens": 7, "output_tokens": 9}
    steps = [
        Text("Hello "),
        0.06,
        Text("🌍"),
        done("Hello 🌍", stop_reason="tool_use", tool_calls=(call,), usage=usage),
    ]
    async with (
        relaying(steps, model="m", ping=0.02) as url,
        anthropic.AsyncAnthropic(api_key="k", base_url=url) as sdk,
        sdk.messages.stream(**ASKED) as stream,
    ):
        message = await stream.get_final_message()
    text, tool = message.content
    assert (getattr(text, "text", None), getattr(tool, "input", None)) == ("Hello 🌍", {"at": "ä"})
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("tool_use", 7, 9)


async def test_our_own_client_reads_the_relayed_answer() -> None:
    async with relaying(spoken("Hello ", "🌍", gap=0.01)) as url, StreamClient(api_key="k", base_url=url) as own:
        assert (await own.complete(REQUEST)).text == "Hello 🌍"


async def test_a_relayed_answer_that_is_whole_ends_as_http_says() -> None:
    async with relaying(spoken("Hello")) as url:
        assert (await raw(url)).endswith(b'event: message_stop\ndata: {"type": "message_stop"}\n\n\r\n0\r\n\r\n')


@pytest.mark.parametrize("error", [ConnectionLost("gone"), Overloaded("busy", status=529)])
async def test_a_relay_whose_answer_broke_never_ends_cleanly(error: Exception) -> None:
    async with relaying([Text("Hel"), error]) as url:
        sent = await raw(url)
    assert b"event: error" in sent
    assert b"message_stop" not in sent
    assert not sent.endswith(b"0\r\n\r\n")


async def test_a_foreign_client_is_told_that_the_relayed_answer_broke() -> None:
    async with (
        relaying([Text("Hel"), Overloaded("busy", status=529)]) as url,
        anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as sdk,
    ):
        with pytest.raises(anthropic.APIStatusError) as raised:
            async with sdk.messages.stream(**ASKED) as stream:
                await stream.get_final_message()
    assert "overloaded_error" in str(raised.value)


async def test_everything_at_once_from_the_api_to_every_sink() -> None:
    async with (
        FakeServer() as server,
        FakeSlack(limits=QUICK) as slack,
        FakeWebhook(KEY) as hook,
        httpx.AsyncClient() as http,
        StreamClient(api_key="k", base_url=serve(server, Answer())[0]) as own,
    ):
        answer = await deliver(
            own.stream(REQUEST),
            SlackMessage(client(slack), channel="C1", pace=quick()),
            SlackEphemeral(slack.response_url(original="?"), http=http, pace=quick()),
            Webhook(hook.url, secret=SECRET, http=http),
        )
    assert answer.text
    assert slack.visible() == slack.visible_to_one() == [answer.text]
    assert hook.last is not None
    assert hook.last["text"] == answer.text
    assert len(answer.text) < MRKDWN.limit


def examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs/sinks.md").read_text("utf-8"), re.DOTALL)


async def ran(code: str, **env: str) -> tuple[int | None, str]:
    """Exit status and output of a program of its own."""
    with served() as base:
        given = {**os.environ, "ANTHROPIC_BASE_URL": f"{base}/completion.plain", "ANTHROPIC_API_KEY": "k", **env}
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output, _ = await program.communicate()
    return program.returncode, output.decode()


def example(name: str) -> str:
    (code,) = (one for one in examples() if f"import {name}\n" in one)
    return code


async def test_the_example_of_the_terminal_runs() -> None:
    status, output = await ran(example("Terminal"))
    assert status == 0, output
    assert "[complete · 1 attempt" in output


@pytest.mark.parametrize("name", ["SlackMessage", "SlackStream", "SlackEphemeral"])
async def test_the_examples_of_slack_run(name: str) -> None:
    async with FakeSlack() as fake:
        env = {"SLACK_BASE_URL": fake.url, "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_CHANNEL": "D1", "SLACK_THREAD": "1.0"}
        env |= {"SLACK_TEAM": "T1", "SLACK_USER": "U1"}
        status, output = await ran(example(name), SLACK_RESPONSE_URL=fake.response_url(original="?"), **env)
        assert status == 0, output
        seen = [one for one in fake.visible("D1") + fake.visible_to_one() if one != "?"]
    assert len(seen) == 1
    assert len(seen[0]) > 100


async def test_the_example_of_the_webhook_runs() -> None:
    async with FakeWebhook(KEY) as fake:
        status, output = await ran(example("Webhook"), WEBHOOK_URL=fake.url, WEBHOOK_SECRET=SECRET)
        assert status == 0, output
        assert fake.last is not None
        assert fake.last["complete"]
        assert fake.text == fake.last["text"]


async def test_the_example_of_a_relay_on_aiohttp_runs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with served() as base:
        for scenario, texts in (("completion.plain", 1), ("http_status.status_401", 0)):
            given = {
                **os.environ,
                "ANTHROPIC_BASE_URL": f"{base}/{scenario}",
                "ANTHROPIC_API_KEY": "k",
                "PORT": str(port),
            }
            code = example("refusal, relay")
            program = await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, env=given, stdout=subprocess.DEVNULL
            )
            try:
                url = f"http://127.0.0.1:{port}"
                await listened_at(port)
                async with anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as sdk:
                    assert await read_all(sdk) == bool(texts)
            finally:
                program.terminate()
                await program.wait()


async def listened_at(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def read_all(sdk: anthropic.AsyncAnthropic) -> bool:
    """Whether a whole answer came; False when the server said no with a status."""
    try:
        async with sdk.messages.stream(**ASKED) as stream:
            return (await stream.get_final_message()).stop_reason == "end_turn"
    except anthropic.InternalServerError:
        return False
