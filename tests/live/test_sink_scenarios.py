"""The scenarios of receivers: the bundled client, a client of somebody else's, and clients that have no sinks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator

import httpx
import pytest
from live.running import run

from fake_server.clock import SystemClock
from harness import catalog, engine, receiving
from harness.adapter import Adapter
from harness.adapters.bundled import ADAPTER
from harness.events import CaseFinished
from harness.journal import encode
from harness.model import Capability, Finished, Job, Observed, Outcome, Policy
from harness.plan import Plan, PlannedCase
from harness.receiver import Kind
from harness.verdict import Verdict

SINKS = {name: one for name, one in catalog.scenarios().items() if one.receiver is not None}


@pytest.fixture(scope="module")
def results() -> dict[str, CaseFinished]:
    return run("bundled", "bundled_sync", "bundled_relay", select="sinks")


def of(results: dict[str, CaseFinished], client: str) -> dict[str, CaseFinished]:
    return {name: one for name, one in results.items() if one.client == client}


def test_there_are_scenarios_for_every_kind_of_receiver() -> None:
    kinds = {one.receiver.kind for one in SINKS.values() if one.receiver is not None}
    assert kinds == set(Kind)
    assert len(SINKS) >= 14


@pytest.mark.parametrize("client", ["bundled", "bundled_sync"])
def test_the_bundled_client_passes_every_scenario(results: dict[str, CaseFinished], client: str) -> None:
    wrong = {name: one.finding for name, one in of(results, client).items() if one.verdict is not Verdict.PASS}
    assert wrong == {}


def test_a_client_without_sinks_is_not_asked(results: dict[str, CaseFinished]) -> None:
    mine = of(results, "bundled_relay")
    assert {one.verdict for one in mine.values()} == {Verdict.SKIP}
    assert {one.why for one in mine.values()} == {"the client does not declare: sinks"}


def test_every_history_has_what_the_receiver_saw_and_no_secret(results: dict[str, CaseFinished]) -> None:
    for one in of(results, "bundled").values():
        assert one.record is not None
        assert one.record.receiver
        written = encode(one)
        assert [word for word in (b"xoxb-", b"whsec_", b"v1,", b"/response/") if word in written] == []


def test_every_case_of_a_receiver_is_judged_by_its_law(results: dict[str, CaseFinished]) -> None:
    for one in of(results, "bundled").values():
        verdicts = {ruling.law: ruling.verdict for ruling in one.rulings}
        assert (verdicts["SP25"], verdicts["SP26"]) == (Verdict.PASS, Verdict.PASS)


class PostsAtTheEnd:
    """Somebody else's client: it knows no sdk, asks for no stream, and brings the whole answer when it has it."""

    name, version, policy = "posts_at_the_end", "1", Policy.RAISE
    capabilities = frozenset({Capability.SINKS})

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        headers = {"x-api-key": job.api_key, "anthropic-version": "2023-06-01"}
        where = job.receiver
        assert where is not None
        async with httpx.AsyncClient(timeout=5, verify=False) as http:
            response = await http.post(f"{job.base_url}/v1/messages", json=job.request, headers=headers)
            text = response.json()["content"][0]["text"]
            post = {"channel": where.channel, "text": text}
            bearer = {"authorization": f"Bearer {where.token}"}
            await http.post(f"{where.url}chat.postMessage", json=post, headers=bearer)
        yield Finished(outcome=Outcome.COMPLETE, text=text)


def ran(adapter: Adapter, *scenarios: str) -> dict[str, CaseFinished]:
    planned = tuple(
        PlannedCase(scenario=SINKS[name], adapter=adapter, seed="1", policy=adapter.policy) for name in scenarios
    )

    async def consume() -> dict[str, CaseFinished]:
        events = engine.run(Plan(cases=planned, seed="1"), catalog.laws())
        return {event.scenario: event async for event in events if isinstance(event, CaseFinished)}

    return asyncio.run(consume())


def test_a_client_that_posts_at_the_end_needs_no_edits() -> None:
    (one,) = ran(PostsAtTheEnd(), "sinks.message").values()
    assert one.verdict is Verdict.PASS, one.finding


def test_a_client_that_never_meets_the_fault_of_a_receiver_does_not_pass() -> None:
    (one,) = ran(PostsAtTheEnd(), "sinks.edits_limited").values()
    assert one.verdict is Verdict.UNKNOWN
    assert one.finding is not None
    assert one.finding.harm == "the receiver's fault never struck: chat.update 2"


def test_a_client_whose_post_is_refused_and_that_says_nothing_fails() -> None:
    (one,) = ran(PostsAtTheEnd(), "sinks.channel_is_archived").values()
    assert (one.verdict, one.finding and one.finding.law) == (Verdict.FAIL, "SP25")


def test_without_slacks_package_a_case_is_unknown_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "slack_sdk.web.async_client", None)
    (one,) = ran(ADAPTER, "sinks.message").values()
    assert one.verdict is Verdict.UNKNOWN
    assert one.finding is not None
    assert "pip install 'streamproof[slack]'" in one.finding.harm


async def test_what_is_no_request_to_a_webhook_is_written_down_all_the_same() -> None:
    scenario = SINKS["sinks_in_pieces.webhook_plain"]
    assert scenario.receiver is not None
    async with receiving.receiving(scenario.receiver, SystemClock()) as receiver, httpx.AsyncClient() as http:
        url = receiver.destination().url
        for body in (b"", b"[1]", b'{"data": 7}', b'{"type": "answer.finished", "data": {"sequence": "x"}}', b"\xff"):
            assert (await http.post(url, content=body)).status_code == 401
        calls = receiver.records(0.0)[:-1]
    assert [getattr(one, "status", 0) for one in calls] == [401] * 5
