"""A page of ours is served to this machine alone, and what it is told comes once, in order, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from harness.reference import read_events
from harness.web.board import ALONE_SECONDS, NUMBER, Board
from harness.web.channel import Channel, encoded, stream
from harness.web.serving import HEADERS, Site


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def site(channel: Channel, tmp_path: Path) -> AsyncIterator[Site]:
    (tmp_path / "page.html").write_text("<p>Hello")
    (tmp_path / "page.js").write_text("1")

    async def hear(request: web.Request) -> web.StreamResponse:
        return await stream(request, channel)

    async def change(request: web.Request) -> web.Response:
        return web.json_response({})

    async def closing() -> None:
        channel.close()

    files = {"": tmp_path / "page.html", "page.js": tmp_path / "page.js"}
    async with Site(files, [web.get("/events", hear), web.post("/change", change)], closing=closing) as running:
        yield running


async def got(url: str, method: str = "GET", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=5) as client:
        return await client.request(
            method, url, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )


async def test_the_page_and_its_files_are_there_under_the_token(tmp_path: Path) -> None:
    async with site(Channel(), tmp_path) as one:
        page, script = await got(one.url), await got(f"{one.url}page.js")
    assert (page.status_code, page.headers["content-type"], page.text) == (200, "text/html; charset=utf-8", "<p>Hello")
    assert (script.status_code, script.headers["content-type"]) == (200, "text/javascript; charset=utf-8")


@pytest.mark.parametrize("path", ["", "page.js", "events", "../etc/passwd", "x/"])
async def test_without_the_token_nothing_is_there(path: str, tmp_path: Path) -> None:
    async with site(Channel(), tmp_path) as one:
        for token in ("", "x" * len(one.token), one.token[:-1], f"{one.token}x"):
            assert (await got(f"http://127.0.0.1:{one.port}/{token}/{path}")).status_code == 404


async def test_two_sites_have_two_tokens_of_at_least_128_bits(tmp_path: Path) -> None:
    async with site(Channel(), tmp_path) as one, site(Channel(), tmp_path) as other:
        assert one.token != other.token
        assert len(one.token) * 6 >= 128


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "localhost.evil"])
async def test_a_foreign_host_name_that_leads_here_is_refused(host: str, tmp_path: Path) -> None:
    async with site(Channel(), tmp_path) as one:
        assert (await got(one.url, host=host)).status_code == 421
        assert (await got(one.url, host=f"localhost:{one.port}")).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
async def test_another_origin_may_change_nothing(origin: str, tmp_path: Path) -> None:
    async with site(Channel(), tmp_path) as one:
        refused = await got(f"{one.url}change", "POST", origin=origin)
        preflight = await got(f"{one.url}change", "OPTIONS", origin=origin, access_control_request_method="POST")
        own = await got(f"{one.url}change", "POST", origin=f"http://127.0.0.1:{one.port}")
    assert (refused.status_code, preflight.status_code, own.status_code) == (403, 403, 200)
    for answer in (refused, preflight, own):
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_every_response_has_the_policy_that_lets_no_foreign_script_run(tmp_path: Path) -> None:
    channel = Channel()
    channel.close()
    async with site(channel, tmp_path) as one:
        answers = [
            await got(one.url),
            await got(f"{one.url}events"),
            await got(f"{one.url}nothing"),
            await got(one.url, host="evil.example"),
        ]
    assert [one.status_code for one in answers] == [200, 200, 404, 421]
    assert all(one.headers[name] == value for one in answers for name, value in HEADERS.items())
    assert HEADERS["Content-Security-Policy"].startswith(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:"
    )
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


async def test_only_this_machine_is_listened_on(tmp_path: Path) -> None:
    async with site(Channel(), tmp_path) as one:
        assert one._runner is not None
        assert [address[0] for address in one._runner.addresses] == ["127.0.0.1"]


async def test_what_is_said_comes_in_order_with_numbers_and_ends(tmp_path: Path) -> None:
    channel = Channel()
    async with site(channel, tmp_path) as one:
        hearing = asyncio.create_task(got(f"{one.url}events"))
        channel.tell("said", {"text": "a\nid: 9\n\ndata: b\u2028"})
        channel.tell("said", 2)
        channel.close()
        heard = await hearing
    assert heard.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert [name for name, _ in read_events(heard.content)] == ["said", "said", "end"]
    assert heard.text.count("id: ") == 4  # three are ours, one is text
    assert heard.text.startswith('id: 1\nevent: said\ndata: {"text": "a\\nid: 9')


async def test_a_page_that_was_cut_off_gets_only_what_it_has_not_heard(tmp_path: Path) -> None:
    channel = Channel()
    for number in range(3):
        channel.tell("said", number)
    channel.close()
    async with site(channel, tmp_path) as one:
        rest = await got(f"{one.url}events", last_event_id="2")
        odd = await got(f"{one.url}events", last_event_id="nine")
    assert rest.text == encoded(3, "said", 2).decode() + encoded(4, "end", None).decode()
    assert odd.text.startswith("id: 1\n")


async def test_a_page_that_has_heard_the_end_is_told_to_ask_no_more(tmp_path: Path) -> None:
    channel = Channel()
    channel.close()
    async with site(channel, tmp_path) as one:
        assert (await got(f"{one.url}events", last_event_id="1")).status_code == 204


async def test_nothing_is_heard_after_the_end() -> None:
    channel = Channel()
    channel.close()
    channel.tell("said")
    channel.close()
    assert [one async for one in channel.after(0)] == [encoded(1, "end", None)]


async def test_of_how_something_stands_only_the_last_is_kept_and_every_other_word() -> None:
    channel = Channel()
    for number in range(3):
        channel.tell("said", number)
        channel.tell_anew("score", number)
    channel.close()
    kept = [encoded(1, "said", 0), encoded(3, "said", 1), encoded(5, "said", 2), encoded(6, "score", 2)]
    assert [one async for one in channel.after(0)] == [*kept, encoded(7, "end", None)]
    assert [one async for one in channel.after(5)] == [kept[-1], encoded(7, "end", None)]


async def test_a_silent_stream_has_heart_beats_that_are_no_events(tmp_path: Path) -> None:
    channel = Channel(beat=0.01)
    beats = channel.after(0)
    assert [await anext(beats), await anext(beats)] == [b": alive\n\n"] * 2
    channel.close()
    assert [one async for one in beats] == [encoded(1, "end", None)]
    assert list(read_events(b": alive\n\n")) == []


async def test_a_page_that_leaves_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    channel = Channel()
    async with site(channel, tmp_path) as one:
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", one.port)
            writer.write(f"GET /{one.token}/events HTTP/1.1\r\nHost: 127.0.0.1:{one.port}\r\n\r\n".encode())
            await writer.drain()
            channel.tell("said")
            writer.transport.abort()
            for _ in range(9):
                channel.tell("said")
                await asyncio.sleep(0)
    assert caplog.records == []


class Stepped:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        waking = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + seconds, waking))
        await waking

    async def step(self, seconds: float) -> None:
        self._now += seconds
        for until, waking in self._sleepers:
            if until <= self._now and not waking.done():
                waking.set_result(None)
        await asyncio.sleep(0)  # whoever wakes goes on


class Endless:
    """Goes on until it is stopped."""

    def __init__(self) -> None:
        self.channel, self.stopped = Channel(), asyncio.Event()

    async def run(self) -> None:
        self.channel.tell("said")
        await self.stopped.wait()
        self.channel.close()

    def stop(self) -> None:
        self.stopped.set()


async def test_what_a_page_asked_for_ends_when_the_page_has_vanished() -> None:
    clock, going = Stepped(), Endless()
    board: Board[Endless] = Board(print, clock=clock)
    async with Site({}, [web.get(f"/{NUMBER}", board.hear)], closing=board.close) as one:
        address = f"{one.url}{board.begin(lambda _: going)}"
        async with httpx.AsyncClient(timeout=5) as client, client.stream("GET", address) as response:
            await anext(response.aiter_lines())
            for _ in range(3):
                await clock.step(ALONE_SECONDS)
            assert not going.stopped.is_set()
        async with asyncio.timeout(5):
            while not going.stopped.is_set():
                await clock.step(ALONE_SECONDS)  # until the server sees it, the page is there


async def test_a_site_that_closes_ends_its_streams_cleanly(tmp_path: Path) -> None:
    channel = Channel()
    async with (
        site(channel, tmp_path) as one,
        httpx.AsyncClient(timeout=5) as client,
        client.stream("GET", f"{one.url}events") as response,
    ):
        await one.stop()
        assert (await response.aread()).endswith(encoded(1, "end", None))
