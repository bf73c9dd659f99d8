"""The control room on its sockets: lanes arrive in order, the hand acts on a stream that runs, programs from outside
are seen and judged, and a search is followed and stopped."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from live.running import STREAMPROOF

from harness import catalog
from harness.adapters import bundled, naive
from harness.live import LiveRunner
from harness.plan import PlannedCase
from harness.ui.hand import Knobs
from harness.ui.room import Room
from harness.ui.show import Show
from harness.ui.stage import staged
from harness.web.serving import HEADERS

PLAIN, CUT = "completion.plain", "cutoff.clean_end_mid_text"
BODY = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
KEYS = {"x-api-key": "sk-ant-secret-of-somebody", "anthropic-version": "2023-06-01"}
Told = list[tuple[str, Any]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Stream:
    """The events of a channel, as they come."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.told: Told = []

    async def until(self, name: str, has: str = "") -> Any:
        """The data of the next event of that name, in whose JSON the words ``has`` stand."""
        async with asyncio.timeout(30):
            said = ""
            async for line in self._lines:
                if line.startswith("event: "):
                    said = line[7:]
                elif line.startswith("data: "):
                    self.told.append((said, json.loads(line[6:])))
                    if said == name and has in line:
                        return self.told[-1][1]
        raise AssertionError(f"no {name} with {has!r} in {self.told[-3:]}")

    async def end(self) -> Told:
        await self.until("end")
        return self.told

    def marks(self, lane: str = "", kind: str = "") -> list[dict[str, Any]]:
        every = [mark for name, data in self.told if name == "marks" for mark in data["marks"]]
        return [one for one in every if lane in ("", one["lane"]) and kind in ("", one["kind"])]

    def text(self) -> str:
        return "".join(one.get("text", "") for one in self.marks("client"))


class Visitor:
    """Somebody with the page open."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url, self.client = url, client

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"{self.url}{path}", json=body)

    async def show(self, scenario: str, client: str = "naive", **more: Any) -> str:
        answer = await self.post("shows", scenario=scenario, client=client, **more)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["show"])

    @asynccontextmanager
    async def hears(self, what: str) -> AsyncIterator[Stream]:
        async with self.client.stream("GET", f"{self.url}{what}") as answer:
            yield Stream(answer.aiter_lines())

    async def shown(self, scenario: str, client: str = "naive", **more: Any) -> Stream:
        """A case from its beginning to its end."""
        async with self.hears(await self.show(scenario, client, **more)) as stream:
            await stream.end()
            return stream


@asynccontextmanager
async def visited(pace: float = 0.01) -> AsyncIterator[Visitor]:
    complaints: list[str] = []
    async with AsyncExitStack() as stack:
        runner = await stack.enter_async_context(LiveRunner())
        clients = {"naive": naive.ADAPTER, "bundled": bundled.ADAPTER, "node": catalog.adapter("node")}
        clients["theirs:ADAPTER"] = naive.ADAPTER
        room = Room(runner, clients, "7", pace, complaints.append)
        site = await stack.enter_async_context(room.site())
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=30))
        yield Visitor(site.url, client)
    assert complaints == []


def truth(told: Told) -> dict[str, Any]:
    (found,) = [data for name, data in told if name == "truth"]
    return dict(found)


# ---- who may come


@pytest.mark.parametrize("path", ["", "menu", "ui.js", "watch.js", "search.js", "page.js", "lanes.js", "ui.css"])
async def test_everything_is_behind_the_token_and_under_the_policy(path: str) -> None:
    async with visited() as visitor:
        there = await visitor.client.get(f"{visitor.url}{path}")
        origin, token = visitor.url.rstrip("/").rsplit("/", 1)
        away = await visitor.client.get(f"{origin}/{'x' * len(token)}/{path}")
        foreign = await visitor.client.get(f"{visitor.url}{path}", headers={"host": "evil.example"})
    assert (there.status_code, away.status_code, foreign.status_code) == (200, 404, 421)
    for answer in (there, away, foreign):
        assert all(answer.headers[name] == text for name, text in HEADERS.items())
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=", there.text if path == "" else "")


async def test_another_origin_may_begin_nothing() -> None:
    async with visited() as visitor:
        body = {"scenario": PLAIN, "client": "naive"}
        evil = {"origin": "http://evil.example"}
        refused = await visitor.client.post(f"{visitor.url}shows", json=body, headers=evil)
    assert refused.status_code == 403


async def test_the_menu_lists_what_can_be_watched_and_who_is_here() -> None:
    async with visited() as visitor:
        menu = (await visitor.client.get(f"{visitor.url}menu")).json()
    listed = {one["id"]: one for chapter in menu["chapters"] for one in chapter["scenarios"]}
    assert {menu["default"], PLAIN} <= listed.keys()
    assert listed.keys() < catalog.scenarios().keys()
    assert {one["name"]: one["search"] for one in menu["clients"]}.items() >= {"naive": True, "bundled": True}.items()


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("shows", {"scenario": "no.such", "client": "naive"}, "no such scenario"),
        ("shows", {"scenario": PLAIN, "client": "nobody"}, "no such client"),
        ("shows", {"scenario": "content.tool_call", "client": "naive"}, "tools"),
        ("shows", {"scenario": PLAIN, "client": "naive", "more": 1}, "unknown field"),
        ("shows", {"scenario": PLAIN, "client": "naive", "knobs": {"latency": -5}}, ">= 0"),
        ("searches", {"client": "nobody"}, "no such client"),
        ("searches", {"client": "naive", "jobs": 0}, ">= 1"),
        ("searches", {"client": "node"}, "sockets"),
    ],
)
async def test_what_cannot_be_had_is_refused_in_words(path: str, body: dict[str, Any], why: str) -> None:
    async with visited() as visitor:
        answer = await visitor.post(path, **body)
    assert answer.status_code == 400
    assert why in answer.json()["error"]


# ---- watching


async def test_the_lanes_of_a_run_arrive_while_it_goes_on_and_in_order() -> None:
    async with visited() as visitor:
        stream = await visitor.shown(CUT)
    names = [name for name, _ in stream.told]
    assert names.count("marks") >= 3
    assert (names[0], names[-2:]) == ("opened", ["truth", "end"])
    assert {one["lane"] for one in stream.marks()} == {"server", "wire", "client"}
    for lane in ("server", "wire", "client"):
        times = [one["t"] for one in stream.marks(lane)]
        assert times == sorted(times), lane
    request, text, end = stream.marks("server", "request"), stream.marks("client", "text"), stream.marks("client")[-1]
    assert request[0]["t"] <= stream.marks("server", "event")[0]["t"] <= text[0]["t"] + 0.05
    assert stream.marks("server", "fault")[0]["label"].startswith("end_early")
    assert text[0]["t"] <= end["t"]
    assert end["label"] == "ended: complete"


async def test_what_is_true_of_it_is_proven_and_can_be_had_again() -> None:
    async with visited() as visitor:
        lied, told = truth((await visitor.shown(CUT)).told), truth((await visitor.shown(CUT, "bundled")).told)
    assert (lied["verdict"], lied["law"], lied["replay"]) == ("fail", "SP02", f"streamproof replay {CUT}@naive:7")
    assert (told["verdict"], told["sentence"]) == ("pass", "The user saw the whole answer, once, after 2 requests.")
    assert [one["side"] for one in lied["lines"] if "end_early" in one["what"]][-1] == "fault"
    assert not lied["by_hand"]


async def test_the_command_for_the_same_again_is_one_that_a_shell_can_read() -> None:
    async with visited() as visitor:
        told = truth((await visitor.shown(PLAIN, "theirs:ADAPTER", seed="a 'b'")).told)
    assert shlex.split(told["replay"]) == [
        "streamproof",
        "replay",
        f"{PLAIN}@naive:a 'b'",
        "--client",
        "theirs:ADAPTER",
    ]


async def test_a_scenario_that_breaks_the_network_is_shown_with_its_strike_on_the_wire() -> None:
    async with visited() as visitor:
        stream = await visitor.shown("broken_network.reset_mid_text", "bundled")
    assert [one for one in stream.marks("wire", "fault") if "reset" in one["label"]]
    assert truth(stream.told)["verdict"] == "pass", truth(stream.told)


async def test_an_address_without_a_server_stays_without_one_and_has_no_network_to_change() -> None:
    scenario = next(one.id for one in catalog.scenarios().values() if one.endpoint == "refused" and not one.network)
    async with visited() as visitor:
        answer = (await visitor.post("shows", scenario=scenario, client="bundled")).json()
        async with visitor.hears(answer["show"]) as stream:
            await stream.until("opened")
            refused = await visitor.post(f"{answer['show']}/strike", how="cut")
            await stream.end()
    assert (answer["hand"], refused.status_code) == (False, 400)
    assert (stream.marks("server"), truth(stream.told)["verdict"]) == ([], "pass")


async def test_a_stop_ends_it_at_once_and_the_server_sees_the_close() -> None:
    async with visited() as visitor:
        show = await visitor.show("stall.mid_text")
        async with visitor.hears(show) as stream:
            await stream.until("marks", '"text"')
            await visitor.post(f"{show}/stop")
            told = await stream.end()
    assert re.match(r"You stopped it, and \d+ ms later", truth(told)["sentence"])


# ---- by hand


async def test_latency_on_a_running_stream_is_seen_in_its_history_and_makes_the_client_later() -> None:
    async with visited(pace=0.04) as visitor:
        show = await visitor.show(PLAIN)
        async with visitor.hears(show) as stream:
            await stream.until("marks", '"text"')
            assert (await visitor.post(f"{show}/knobs", latency=400)).status_code == 200
            await stream.until("marks", "by hand: latency 400 ms")
            told = await stream.end()
    for lane, kind in (("wire", "bytes"), ("client", "text")):
        times = [one["t"] for one in stream.marks(lane, kind)]
        assert max(after - before for before, after in pairwise(times)) >= 0.39, lane
    lines = [one["what"] for one in truth(told)["lines"]]
    assert any(one.startswith("latency_by_hand (400 ms) strikes on connection 1") for one in lines)
    assert truth(told)["by_hand"]
    assert (truth(told)["verdict"], truth(told)["replay"]) == ("pass", "")


async def test_a_slider_is_moved_again_in_its_place_and_taken_back_without_losing_the_connection() -> None:
    async with visited(pace=0.04) as visitor:
        show = await visitor.show(PLAIN)
        async with visitor.hears(show) as stream:
            await stream.until("marks", '"text"')
            for knobs in ({"latency": 100}, {"latency": 300, "jitter": 50}, {"bandwidth": 64}, {}):
                assert (await visitor.post(f"{show}/knobs", **knobs)).status_code == 200
            told = await stream.end()
    hand = [one["label"] for one in stream.marks("wire") if one.get("hand")]
    assert hand == ["latency 100 ms", "latency 300 ± 50 ms", "at most 64 KB/s", "no latency", "full bandwidth"]
    lines = [one["what"] for one in truth(told)["lines"]]
    assert "toxic latency_by_hand has other settings" in lines
    assert len([one for one in lines if one.startswith("connection 1 opens")]) == 1
    assert truth(told)["sentence"] == "The user saw the whole answer, once."


async def test_sliders_that_stand_when_it_begins_act_from_the_first_byte() -> None:
    async with visited() as visitor:
        stream = await visitor.shown(PLAIN, knobs={"latency": 300})
    assert stream.marks("wire", "bytes")[0]["t"] - stream.marks("server", "event")[0]["t"] >= 0.25


async def test_sliders_that_are_moved_before_it_begins_act_from_the_first_byte() -> None:
    async with LiveRunner() as runner:
        case = PlannedCase(
            scenario=catalog.scenarios()[PLAIN], adapter=naive.ADAPTER, seed="7", policy=naive.ADAPTER.policy
        )
        show = Show(runner, staged(case, 0.01), "early", "naive")
        await show.turn(Knobs(latency=300))
        await show.run()
    told = "".join([one.decode() async for one in show.channel.after(0)])
    assert "by hand: latency 300 ms" in told
    assert told.index("by hand: latency 300 ms") < told.index("event: opened")


@pytest.mark.parametrize(("how", "end"), [("cut", "closed by a toxic"), ("reset", "reset by a toxic")])
async def test_a_strike_ends_the_open_connection_at_once_and_spares_the_next(how: str, end: str) -> None:
    async with visited(pace=0.04) as visitor:
        show = await visitor.show(PLAIN, "bundled")
        async with visitor.hears(show) as stream:
            await stream.until("marks", '"text"')
            assert (await visitor.post(f"{show}/strike", how=how)).status_code == 200
            told = await stream.end()
    assert [one["detail"] for one in stream.marks("wire", "bad")] == [f"connection 1 over: {end}"]
    assert [one["label"] for one in stream.marks("wire", "fault")] == [f"{how} by hand"]
    assert len(stream.marks("server", "request")) == 2
    assert truth(told)["sentence"] == "The user saw the whole answer, once, after 2 requests."


async def test_a_client_that_gives_up_honestly_after_a_cut_by_hand_is_not_accused() -> None:
    async with visited(pace=0.04) as visitor:
        show = await visitor.show(PLAIN)
        async with visitor.hears(show) as stream:
            await stream.until("marks", '"text"')
            await visitor.post(f"{show}/strike", how="cut")
            told = await stream.end()
    assert stream.marks("client")[-1]["label"] == "ended: incomplete"
    assert truth(told)["verdict"] == "pass", truth(told)


async def test_silence_holds_everything_and_its_end_lets_it_come() -> None:
    async with visited(pace=0.01) as visitor:  # so that it lasts less than a client waits
        show = await visitor.show(PLAIN)
        async with visitor.hears(show) as stream:
            await stream.until("marks", '"text"')
            await visitor.post(f"{show}/knobs", silence=True)
            await stream.until("marks", "by hand: silence")
            silent = stream.marks("wire", "note")[-1]["t"]
            await stream.until("marks", '"message_stop"')  # the server has said everything meanwhile
            said, before = stream.marks("server", "event")[-1]["t"], len(stream.text())
            await visitor.post(f"{show}/knobs")
            told = await stream.end()
    held = [one["t"] for one in stream.marks("wire", "bytes") if silent + 0.03 < one["t"] < said]
    assert held == []
    assert len(stream.text()) > before
    assert truth(told)["sentence"] == "The user saw the whole answer, once."


async def test_when_it_is_over_there_is_no_network_to_change() -> None:
    async with visited() as visitor:
        show = await visitor.show(PLAIN)
        async with visitor.hears(show) as stream:
            await stream.end()
        late = await visitor.post(f"{show}/knobs", latency=100)
    assert (late.status_code, "no network" in late.json()["error"]) == (400, True)


# ---- a program from outside


async def test_a_program_from_outside_is_seen_when_it_asks_and_judged_by_what_the_server_sees() -> None:
    async with visited() as visitor:
        show = await visitor.show("http_status.status_401", "")
        async with visitor.hears(show) as stream:
            url = (await stream.until("opened"))["url"]
            for _ in range(2):
                answer = await visitor.client.post(f"{url}/v1/messages", json=BODY, headers=KEYS)
                assert answer.status_code == 401
            first = await stream.until("so_far")
            second = await stream.until("so_far", "SP11") if first["requests"] == 1 else first
            await visitor.post(f"{show}/stop")
            told = await stream.end()
    asked = [data for name, data in told if name == "request"]
    assert [one["number"] for one in asked] == [1, 2]
    assert [data["status"] for name, data in told if name == "reply"] == [401, 401]
    assert asked[0]["line"].startswith("POST /case/")
    assert ["x-api-key", "[redacted]"] in asked[0]["headers"]
    assert "sk-ant-secret" not in json.dumps(told)
    assert json.loads(asked[0]["body"]) == BODY
    assert (second["verdict"], second["law"]) == ("fail", "SP11")
    assert truth(told)["sentence"] == "The same request was made 2 times although the answer cannot change."


async def test_a_program_that_does_right_is_told_what_it_kept() -> None:
    async with visited() as visitor:
        show = await visitor.show(CUT, "")
        async with visitor.hears(show) as stream:
            url = (await stream.until("opened"))["url"]
            await visitor.client.post(f"{url}/v1/messages", json=BODY, headers=KEYS)
            sight = await stream.until("so_far")
            await visitor.post(f"{show}/stop")
            told = await stream.end()
    assert (sight["verdict"], sight["requests"]) == ("pass", 1), sight
    assert sight["sentence"].startswith("After 1 request nothing is wrong that a server can see")
    assert truth(told)["sentence"] == sight["sentence"]


async def test_the_hand_acts_on_a_program_from_outside_as_well() -> None:
    async with visited(pace=0.04) as visitor:
        show = await visitor.show(PLAIN, "")
        async with visitor.hears(show) as stream:
            url = (await stream.until("opened"))["url"]
            asking = asyncio.create_task(visitor.client.post(f"{url}/v1/messages", json=BODY, headers=KEYS))
            await stream.until("marks", '"bytes"')
            assert (await visitor.post(f"{show}/strike", how="reset")).status_code == 200
            with pytest.raises(httpx.HTTPError):
                await asking
            await visitor.post(f"{show}/stop")
            told = await stream.end()
    assert truth(told)["by_hand"]
    assert [one["label"] for one in stream.marks("wire", "fault")] == ["reset by hand"]


async def test_a_program_that_never_asks_is_not_judged() -> None:
    async with visited() as visitor:
        show = await visitor.show(PLAIN, "")
        async with visitor.hears(show) as stream:
            await stream.until("opened")
            await visitor.post(f"{show}/stop")
            told = await stream.end()
    assert (truth(told)["verdict"], truth(told)["sentence"]) == ("unknown", "No request has come.")


# ---- searching


async def test_a_search_is_followed_to_its_end() -> None:
    async with visited() as visitor:
        answer = (await visitor.post("searches", client="naive", examples=60, seed="5")).json()
        async with visitor.hears(answer["search"]) as stream:
            told = await stream.end()
    scores = [data for name, data in told if name == "score"]
    assert (scores[0]["cases"], scores[-1]["cases"], scores[-1]["goal"]) == (0, 60, 60)
    assert scores[-1]["distinct"] == len(scores[-1]["failures"]) > 0
    assert scores[-1]["pairs"] == sum(bool(count) for _, counts in scores[-1]["coverage"] for count in counts) > 0
    (over,) = [data for name, data in told if name == "over"]
    assert over == {"stopped": False, "again": "streamproof fuzz --client naive --seed 5 --examples 60"}


async def test_a_search_is_stopped_and_its_processes_are_gone() -> None:
    async with visited() as visitor:
        answer = (await visitor.post("searches", client="naive", examples=1_000_000, seed="5")).json()
        async with visitor.hears(answer["search"]) as stream:
            await stream.until("score")
            await visitor.post(f"{answer['search']}/stop")
            async with asyncio.timeout(10):
                told = await stream.end()
    assert [data["stopped"] for name, data in told if name == "over"] == [True]


async def test_while_one_search_goes_on_there_is_no_second_one() -> None:
    async with visited() as visitor:
        first = (await visitor.post("searches", client="naive", examples=1_000_000)).json()["search"]
        second = await visitor.post("searches", client="naive", examples=10)
        await visitor.post(f"{first}/stop")
        async with visitor.hears(first) as stream:
            await stream.end()
        third = await visitor.post("searches", client="naive", examples=10)
        async with visitor.hears(third.json()["search"]) as stream:
            await stream.end()
    assert (second.status_code, "too much is going on" in second.json()["error"]) == (400, True)


# ---- the command


@contextmanager
def running(home: Path, *args: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``streamproof ui``, and the address that it prints; killed if it is still there at the end."""
    command = [str(STREAMPROOF), "ui", "--client", "naive", *args]
    with subprocess.Popen(
        command, cwd=home, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", line)
            assert found, line
            yield process, found[0]
        finally:
            process.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_in_order_also_while_a_case_and_a_search_go_on(tmp_path: Path, how: signal.Signals) -> None:
    with running(tmp_path) as (process, url):
        httpx.post(f"{url}searches", json={"client": "naive", "examples": 100_000}).raise_for_status()
        show = httpx.post(f"{url}shows", json={"scenario": "stall.mid_text", "client": "naive"}).json()["show"]
        with httpx.stream("GET", f"{url}{show}", timeout=20) as stream:
            lines = stream.iter_lines()
            next(line for line in lines if line == "event: marks")
            process.send_signal(how)
            assert "event: end" in list(lines)
        printed, _ = process.communicate(timeout=20)
    assert (process.returncode, printed.splitlines()[-1]) == (0, "bye"), printed
    assert "Traceback" not in printed


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with running(tmp_path) as (_, url):
        port = url.split(":")[2].partition("/")[0]
        again = subprocess.run(
            [STREAMPROOF, "ui", "--client", "naive", "--port", port], capture_output=True, text=True, timeout=30
        )
    assert (again.returncode, "name another --port" in again.stderr) == (2, True)
