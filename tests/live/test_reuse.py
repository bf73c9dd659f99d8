"""One client for several calls: what is left of an earlier one is found, and who leaves nothing passes."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from io import StringIO

import pytest
from live.remembering import remembers
from live.running import run

from fake_server.record import Requested
from harness import catalog
from harness.events import CaseFinished
from harness.kept import Kept
from harness.model import Cancelled, Finished
from harness.show import Replay
from harness.toxiproxy.embedded import EmbeddedToxiproxy
from harness.toxiproxy.events import Struck
from harness.verdict import Verdict

SCENARIOS = [name for name in catalog.scenarios() if name.startswith("reuse.")]


NODE = ["node"] if shutil.which("node") is not None else []


@pytest.fixture(scope="module")
def results() -> dict[str, CaseFinished]:
    return run("bundled", "bundled_sync", *NODE, "live.remembering:remembers", select="reuse")


def test_a_client_whose_buffer_outlives_a_call_is_found(results: dict[str, CaseFinished]) -> None:
    assert results["reuse.after_nothing_wrong@remembers"].verdict is Verdict.PASS
    broken = {name for name in SCENARIOS if results[f"{name}@remembers"].verdict is Verdict.FAIL}
    assert broken >= {"reuse.after_half_an_event"}


def test_all_calls_of_a_case_are_made_by_one_client(results: dict[str, CaseFinished]) -> None:
    scenarios = catalog.scenarios()
    wanted = Counter(len(scenarios[name].before) + 1 for name in SCENARIOS)
    made = Counter(one.calls for one in remembers.made)
    assert wanted <= made, "what came late is run once more"
    assert made.keys() == wanted.keys()


def test_bytes_left_over_on_a_connection_of_httpx_are_taken_for_the_next_response() -> None:
    result = run("naive", select="reuse.after_left_over_bytes")["reuse.after_left_over_bytes@naive"]
    assert (result.verdict, result.finding and result.finding.law) == (Verdict.FAIL, "SP07")


@pytest.mark.parametrize("client", ["bundled", "bundled_sync", "node"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_is_left_in_the_bundled_client(client: str, scenario: str, results: dict[str, CaseFinished]) -> None:
    if client == "node" and not NODE:
        pytest.skip("NOT RUN: there is no Node")
    result = results[f"{scenario}@{client}"]
    assert result.verdict is Verdict.PASS, result.finding


def test_each_call_has_its_own_history_and_the_last_one_is_judged(results: dict[str, CaseFinished]) -> None:
    result, scenarios = results["reuse.after_all_of_them@bundled"], catalog.scenarios()
    assert result.record is not None
    before = result.record.before
    assert tuple(one.info.scenario for one in before) == scenarios["reuse.after_all_of_them"].before
    for one in (*before, result.record):
        assert one.server[0].t < 5, "each call has a time of its own"
        requests = [record.attempt for record in one.server if isinstance(record, Requested)]
        assert requests == list(range(1, len(requests) + 1))
    assert result.record.info.scenario == "reuse.after_all_of_them"
    assert len([record for record in result.record.server if isinstance(record, Requested)]) == 1
    assert all(isinstance(one.client[-1], Finished | Cancelled) for one in before)


@pytest.mark.parametrize("fault", ["cut", "reset", "silence"])
def test_the_network_of_an_earlier_call_breaks_that_one_only(results: dict[str, CaseFinished], fault: str) -> None:
    record = results[f"reuse.after_network_{fault}@bundled"].record
    assert record is not None
    (before,) = record.before
    struck = {one.toxic for one in before.network if isinstance(one, Struck)}
    assert struck == before.info.toxics.keys()
    assert record.network == ()
    assert record.client[-1].t < 1


def test_what_was_to_happen_in_an_earlier_call_and_did_not_proves_nothing() -> None:
    result = run("live.remembering:asks_late", select="reuse.after_network_cut")["reuse.after_network_cut@asks_late"]
    assert (result.verdict, result.finding and result.finding.law) == (Verdict.UNKNOWN, "SP22")
    assert result.finding is not None
    assert "in an earlier call, broken_network.cut_mid_text" in result.finding.harm


def test_a_toxiproxy_that_is_not_ours_breaks_the_networks_that_it_can_break() -> None:
    with EmbeddedToxiproxy() as foreign:
        ran = run("bundled", select="after_network_cut or after_network_reset", toxiproxy=foreign.url)
    assert ran["reuse.after_network_cut@bundled"].verdict is Verdict.PASS
    reset = ran["reuse.after_network_reset@bundled"]
    assert (reset.verdict, "it needs toxics of our own: reset_now" in reset.why) == (Verdict.SKIP, True)


def test_the_calls_before_are_shown_with_the_one_that_is_judged(results: dict[str, CaseFinished]) -> None:
    out = StringIO()
    Replay(out).take(results["reuse.after_network_reset@bundled"])
    said = out.getvalue()
    earlier, judged = said.index("not judged: broken_network.reset_mid_text"), said.index("the call that is judged\n")
    assert earlier < said.index("strikes on connection") < judged < said.rindex("ended: complete")


def test_a_kept_client_is_made_once_and_closed_behind_the_last_call() -> None:
    said: list[str] = []

    @asynccontextmanager
    async def make() -> AsyncGenerator[str, None]:
        said.append("made")
        yield "client"
        said.append("closed")

    async def calls() -> None:
        kept = Kept("one")
        assert [await kept.client(make) for _ in range(3)] == ["client"] * 3
        assert said == ["made"]
        await kept.aclose()

    asyncio.run(calls())
    assert said == ["made", "closed"]
