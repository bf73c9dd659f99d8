"""The chat on its sockets: what both clients' users see is told while it happens, and the stop closes connections."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from live.running import STREAMPROOF
from live.serving import serve

from fake_server.answer import Answer, Refuse
from fake_server.app import FakeServer
from fake_server.blocks import text_block
from fake_server.script import Step
from harness.chat.calls import Real, Speaker, Story
from harness.chat.menu import choices
from harness.chat.room import Room
from harness.live import LiveRunner
from harness.reference import read_events

KEY = "sk-ant-api03-this-is-nobodys-business"
PACE = 0.01
Told = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Visitor:
    """Somebody with the page open."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url, self._client = url, client
        self.raw = ""

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self._client.post(f"{self.url}{path}", json=body)

    async def ask(self, fault: str, **more: Any) -> dict[str, Any]:
        body = {"message": "Hello?", "fault": fault, "speaker": "story", "sides": ["naive", "resilient"], **more}
        answer = await self.post("talks", **body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def hear(self, talk: str) -> Told:
        """All events of a talk, when it is over."""
        self.raw = (await self._client.get(f"{self.url}{talk}")).text
        return [(name, json.loads(data)) for name, data in read_events(self.raw.encode())]

    async def asked(self, fault: str, **more: Any) -> Told:
        return await self.hear((await self.ask(fault, **more))["talk"])


@asynccontextmanager
async def visited(**speakers: Speaker) -> AsyncIterator[Visitor]:
    complaints: list[str] = []
    async with AsyncExitStack() as stack:
        runner = await stack.enter_async_context(LiveRunner())
        room = Room({"story": Story(runner, PACE), **speakers}, "7", complaints.append)
        site = await stack.enter_async_context(room.site())
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=30))
        yield Visitor(site.url, client)
    assert complaints == []


def of(told: Told, side: str, name: str) -> list[dict[str, Any]]:
    return [data for kind, data in told if kind == name and data["side"] == side]


def text(told: Told, side: str) -> str:
    return "".join(one["text"] for one in of(told, side, "shown"))


async def test_the_same_fault_makes_half_an_answer_pass_for_whole_on_the_left_and_is_got_over_on_the_right() -> None:
    async with visited() as visitor:
        told = await visitor.asked("cutoff.clean_end_mid_text")
    ends = {side: of(told, side, "finished")[0]["outcome"] for side in ("naive", "resilient")}
    assert ends == {"naive": "complete", "resilient": "complete"}
    (naive,), (resilient,) = of(told, "naive", "truth"), of(told, "resilient", "truth")
    assert (naive["verdict"], naive["law"]) == ("fail", "SP02")
    assert re.fullmatch(r"The user saw \d\d% of the answer and was told that it was whole\.", naive["sentence"])
    assert (resilient["verdict"], resilient["sentence"]) == (
        "pass",
        "The user saw the whole answer, once, after 2 requests.",
    )
    assert text(told, "resilient") == text(told, "naive") + naive["missing"]
    assert told[-1][0] == "end"


async def test_the_resilient_client_is_read_in_whole_sentences_and_says_that_it_recovers() -> None:
    async with visited() as visitor:
        told = await visitor.asked("order.overloaded_mid_text", sides=["resilient"])
    pieces = [one["text"] for one in of(told, "resilient", "shown")]
    assert sum(piece.rstrip().endswith(".") for piece in pieces) >= len(pieces) - 2  # but around the seam
    (notice,) = of(told, "resilient", "noticed")
    assert notice["what"].startswith("asks for the rest after ")


async def test_both_meet_the_same_bytes_and_the_page_says_how_to_see_them_again() -> None:
    async with visited() as visitor:
        told = await visitor.asked("cutoff.reset_mid_text")
    replays = [of(told, side, "truth")[0]["replay"] for side in ("naive", "resilient")]
    assert replays == [f"streamproof replay cutoff.reset_mid_text@{client}:7" for client in ("naive", "bundled")]
    faults = [
        next(line["what"] for line in of(told, side, "truth")[0]["lines"] if line["side"] == "fault")
        for side in ("naive", "resilient")
    ]
    assert faults[0] == faults[1]


async def test_what_the_wire_does_is_told_when_it_does_it_and_not_only_at_the_end() -> None:
    async with visited() as visitor:
        told = await visitor.asked("cutoff.clean_end_mid_text", sides=["naive"])
    names = [name for name, data in told if name != "wire" or data["line"]["side"] == "fault"]
    assert names.index("shown") < names.index("wire") < names.index("finished") < names.index("truth")
    assert {data["side"] for _, data in told if data} == {"naive"}


async def test_a_fault_of_the_network_strikes_through_the_toxiproxy() -> None:
    async with visited() as visitor:
        told = await visitor.asked("unreachable_network.down_mid_text")
    (resilient,) = of(told, "resilient", "truth")
    assert resilient["verdict"] == "pass", resilient
    assert any(line["side"] == "fault" and "network closes" in line["what"] for line in resilient["lines"])


@pytest.mark.slow
@pytest.mark.parametrize("fault", choices())
async def test_whatever_is_on_the_menu_the_resilient_client_is_right(fault: str) -> None:
    async with visited() as visitor:
        (found,) = of(await visitor.asked(fault, sides=["resilient"]), "resilient", "truth")
    assert (found["verdict"], found["law"]) == ("pass", ""), found


async def test_two_questions_have_two_stories() -> None:
    async with visited() as visitor:
        first = await visitor.asked("completion.plain", sides=["resilient"])
        second = await visitor.asked("completion.plain", sides=["resilient"])
    assert text(first, "resilient") != text(second, "resilient")
    assert [of(one, "resilient", "truth")[0]["verdict"] for one in (first, second)] == ["pass", "pass"]


async def test_a_stop_closes_both_sockets_and_the_server_sees_it() -> None:
    async with visited() as visitor:
        talk = (await visitor.ask("stall.mid_text"))["talk"]
        async with httpx.AsyncClient(timeout=30) as client, client.stream("GET", f"{visitor.url}{talk}") as stream:
            lines = stream.aiter_lines()
            seen: set[str] = set()
            async for line in lines:  # both show something, so both have a connection
                if line.startswith("data: ") and "text" in (data := json.loads(line[6:]) or {}):
                    seen.add(data["side"])
                if len(seen) == 2:
                    break
            assert (await visitor.post(f"{talk}/stop")).status_code == 200
            async for _ in lines:
                pass
        told = await visitor.hear(talk)
    for side in ("naive", "resilient"):
        assert of(told, side, "stopped"), side
        (found,) = of(told, side, "truth")
        assert found["verdict"] == "pass", found
        assert re.fullmatch(
            r"You stopped it, and \d+ ms later the server saw the connection close\.", found["sentence"]
        )
        assert "the client closed the connection" in repr(found["lines"])


async def test_after_a_stop_nothing_more_is_shown() -> None:
    async with visited() as visitor:
        talk = (await visitor.ask("completion.plain"))["talk"]
        await visitor.post(f"{talk}/stop")
        told = await visitor.hear(talk)
    for side in ("naive", "resilient"):
        names = [name for name, data in told if data and data["side"] == side and name != "wire"]
        assert names[-2:] == ["stopped", "truth"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"message": "  "}, "nothing to ask"),
        ({"sides": []}, "nobody"),
        ({"fault": "no.such"}, "not on the menu"),
        ({"speaker": "real"}, "not on the menu"),
        ({"sides": ["anthropic"]}, "Invalid enum value"),
        ({"more": 1}, "unknown field"),
    ],
)
async def test_what_is_not_on_the_menu_is_refused_in_words(body: dict[str, Any], why: str) -> None:
    good = {"message": "Hello?", "fault": "completion.plain", "speaker": "story", "sides": ["naive"]}
    async with visited() as visitor:
        answer = await visitor.post("talks", **{**good, **body})
        assert (answer.status_code, why in answer.json()["error"]) == (400, True), answer.text
        assert (await visitor.post("talks/9/stop")).status_code == 404


async def test_no_more_than_a_few_questions_go_on_at_once() -> None:
    async with visited() as visitor:
        talks = [(await visitor.ask("stall.mid_text"))["talk"] for _ in range(4)]
        refused = await visitor.post(
            "talks", message="One more?", fault="stall.mid_text", speaker="story", sides=["naive"]
        )
        assert (refused.status_code, "too much" in refused.json()["error"]) == (400, True)
        for talk in talks:
            await visitor.post(f"{talk}/stop")
            await visitor.hear(talk)
        await visitor.asked("completion.plain", sides=["naive"])


# ---- a real server


@asynccontextmanager
async def real(*steps: Step) -> AsyncIterator[tuple[Real, Any]]:
    """What stands for the real API, and what it recorded."""
    async with FakeServer() as server:
        url, records = serve(server, *steps)
        async with Real(url, KEY, "claude-sonnet-5-5") as speaker:
            yield speaker, records


async def test_the_real_server_is_asked_through_the_proxy_with_the_fault_and_the_question() -> None:
    async with real(Answer(pace=PACE)) as (speaker, records), visited(real=speaker) as visitor:
        told = await visitor.asked("cutoff.clean_end_mid_text", speaker="real", message="What is 東京?")
    bodies = [one.body for one in records if hasattr(one, "body")]
    assert {body["messages"][0]["content"] for body in bodies} == {"What is 東京?"}
    assert len(bodies) >= 3  # one of the naive loop's, and another one for the rest
    (naive,), (resilient,) = of(told, "naive", "truth"), of(told, "resilient", "truth")
    assert (naive["verdict"], naive["law"]) == ("fail", "SP02")
    assert naive["sentence"].startswith("No event had said that this was the end; the user got what was there")
    assert resilient["verdict"] == "pass", resilient
    assert resilient["sentence"].endswith("the server had said that this was the end, after 2 requests.")
    assert text(told, "resilient").startswith(text(told, "naive"))


async def test_without_a_fault_the_real_answer_comes_through_as_it_is() -> None:
    async with real(Answer(blocks=(text_block("It is a city."),))) as (speaker, _), visited(real=speaker) as visitor:
        told = await visitor.asked("completion.plain", speaker="real")
    assert [text(told, side) for side in ("naive", "resilient")] == ["It is a city."] * 2
    truths = [of(told, side, "truth")[0] for side in ("naive", "resilient")]
    assert [one["verdict"] for one in truths] == ["pass", "pass"]
    assert [one["replay"] for one in truths] == ["", ""]  # nobody has the same bytes again


async def test_a_fault_that_never_struck_a_short_answer_proves_nothing() -> None:
    async with real(Answer(blocks=(text_block("Short."),))) as (speaker, _), visited(real=speaker) as visitor:
        told = await visitor.asked("cutoff.clean_end_mid_text", speaker="real", sides=["resilient"])
    (found,) = of(told, "resilient", "truth")
    assert found["verdict"] == "unknown"
    assert re.search("could strike|never struck", found["sentence"])  # by whether the client left before the end


async def test_a_stop_closes_the_connection_to_the_real_server() -> None:
    async with real(Answer(pace=0.05)) as (speaker, records), visited(real=speaker) as visitor:
        talk = (await visitor.ask("completion.plain", speaker="real", sides=["resilient"]))["talk"]
        await records.until(lambda one: getattr(one, "event", "") == "content_block_delta")
        await visitor.post(f"{talk}/stop")
        told = await visitor.hear(talk)
        await records.until(lambda one: getattr(one, "how", "") == "peer_closed")
    assert of(told, "resilient", "truth")[0]["verdict"] == "pass"


async def test_what_only_a_model_or_a_network_decides_is_not_offered_for_the_real_server() -> None:
    async with real(Answer()) as (speaker, _), visited(real=speaker) as visitor:
        async with httpx.AsyncClient() as client:
            menu = (await client.get(f"{visitor.url}menu")).json()
        offered = {one["scenario"]: one["speakers"] for group in menu["groups"] for one in group["choices"]}
        answer = await visitor.post(
            "talks", message="Hello?", fault="completion.max_tokens", speaker="real", sides=["naive"]
        )
    assert all("story" in speakers for speakers in offered.values())
    assert {name for name, speakers in offered.items() if "real" not in speakers} >= {
        "completion.max_tokens",
        "broken_network.flaky_wifi",
        "content.tool_cut_by_end",
    }
    assert "real" in offered["cutoff.clean_end_mid_text"]
    assert (answer.status_code, "decides this itself" in answer.json()["error"]) == (400, True)


async def test_the_key_reaches_the_real_server_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    echoing = (
        Refuse(status=401, message=f"invalid x-api-key: {KEY}"),
        Answer(blocks=(text_block(f"Your key is {KEY}, and again: {KEY}"),)),
    )
    for step in echoing:
        async with real(step) as (speaker, records), visited(real=speaker) as visitor:
            told = await visitor.asked("completion.plain", speaker="real")
            assert len(of(told, "naive", "truth")) == 1
            assert KEY not in visitor.raw
            assert "this-is-nobodys" not in text(told, "naive") + text(told, "resilient")
            async with httpx.AsyncClient() as client:
                menu = (await client.get(f"{visitor.url}menu")).text
            assert KEY not in menu
        assert records
    assert KEY not in "".join(capfd.readouterr())


# ---- the command


@contextmanager
def running(home: Path, *args: str, **more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``streamproof chat``, and the address that it prints; killed if it is still there at the end."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")}
    command = [str(STREAMPROOF), "chat", *args]
    with subprocess.Popen(
        command, cwd=home, env=env | more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
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
def test_ctrl_c_ends_it_in_order_also_while_somebody_is_answered(tmp_path: Path, how: signal.Signals) -> None:
    with running(tmp_path) as (process, url):
        body = {"message": "Hello?", "fault": "stall.mid_text", "speaker": "story", "sides": ["naive"]}
        talk = httpx.post(f"{url}talks", json=body).json()["talk"]
        with httpx.stream("GET", f"{url}{talk}") as stream:
            lines = stream.iter_lines()
            next(line for line in lines if line == "event: shown")
            process.send_signal(how)
            assert "event: end" in list(lines)
        printed, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert printed.splitlines()[-1] == "bye"
    assert "Traceback" not in printed


def test_without_a_key_only_our_own_server_answers(tmp_path: Path) -> None:
    with running(tmp_path) as (_, url):
        menu = httpx.get(f"{url}menu").json()
    assert [one["id"] for one in menu["speakers"]] == ["story"]


def test_with_a_key_the_real_server_can_be_chosen_and_the_key_is_printed_nowhere(tmp_path: Path) -> None:
    upstream = "http://127.0.0.1:9/base"
    with running(tmp_path, ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=upstream) as (process, url):
        menu = httpx.get(f"{url}menu").json()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        assert process.stdout is not None
        printed = process.stdout.read()  # communicate() would leave out what was read ahead with the first line
    assert menu["speakers"][1] == {"id": "real", "name": upstream}
    assert menu["speakers"][0]["id"] == "story"
    assert upstream in printed
    assert KEY not in printed
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_said_to_be(tmp_path: Path, busy: str) -> None:
    port = busy.rpartition(":")[2]
    done = subprocess.run(
        [str(STREAMPROOF), "chat", "--port", port], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, "name another --port" in done.stderr) == (2, True), done.stderr
