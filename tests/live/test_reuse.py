"""One client for several calls: what is left of an earlier one is found, and who leaves nothing passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from live.remembering import remembers
from live.running import run

from harness import catalog
from harness.events import CaseFinished
from harness.kept import Kept
from harness.verdict import Verdict

SCENARIOS = [name for name in catalog.scenarios() if name.startswith("reuse.")]


@pytest.fixture(scope="module")
def results() -> dict[str, CaseFinished]:
    return run("bundled", "bundled_sync", "live.remembering:remembers", select="reuse")


def test_a_client_whose_buffer_outlives_a_call_is_found(results: dict[str, CaseFinished]) -> None:
    assert results["reuse.after_nothing_wrong@remembers"].verdict is Verdict.PASS
    broken = {name for name in SCENARIOS if results[f"{name}@remembers"].verdict is Verdict.FAIL}
    assert broken >= {"reuse.after_half_an_event"}


def test_all_calls_of_a_case_are_made_by_one_client(results: dict[str, CaseFinished]) -> None:
    scenarios = catalog.scenarios()
    wanted = sorted(len(scenarios[name].before) + 1 for name in SCENARIOS)
    assert sorted(one.calls for one in remembers.made) == wanted


def test_bytes_left_over_on_a_connection_of_httpx_are_taken_for_the_next_response() -> None:
    result = run("naive", select="reuse.after_left_over_bytes")["reuse.after_left_over_bytes@naive"]
    assert (result.verdict, result.finding and result.finding.law) == (Verdict.FAIL, "SP07")


@pytest.mark.parametrize("client", ["bundled", "bundled_sync"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_is_left_in_the_bundled_client(client: str, scenario: str, results: dict[str, CaseFinished]) -> None:
    result = results[f"{scenario}@{client}"]
    assert result.verdict is Verdict.PASS, result.finding


def test_only_the_last_call_is_in_the_history(results: dict[str, CaseFinished]) -> None:
    result = results["reuse.after_all_of_them@bundled"]
    assert result.record is not None
    assert {one.attempt for one in result.record.server if hasattr(one, "attempt")} == {1}


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
