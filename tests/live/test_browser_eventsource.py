"""`EventSource` in a real Chromium does what its standard says, and the user sees what that means for an answer."""

from __future__ import annotations

import pytest
from live.running import run

from fake_server.record import Requested
from harness import catalog
from harness.adapter import Absent
from harness.environments import programs
from harness.events import CaseFinished
from harness.verdict import Verdict

CLIENT = "browser_eventsource"
LACKS = programs()[CLIENT].lacks
WANTED = (
    "completion.plain",
    "completion.no_message_stop",
    "cutoff.clean_end_mid_text",
    "http_status.status_529_for_ever",
    "headers.event_stream_as_plain_text",
    "retry.cancelled_mid_text",
    "reuse.after_stop",
)


@pytest.fixture(scope="module")
def results() -> dict[str, CaseFinished]:
    if LACKS:
        pytest.skip(f"NOT RUN: {LACKS}")
    return run(CLIENT, select=" or ".join(WANTED))


def requests(result: CaseFinished) -> int:
    assert result.record is not None
    return sum(isinstance(one, Requested) for one in result.record.server)


def told(result: CaseFinished) -> tuple[Verdict, str]:
    return result.verdict, result.finding.law if result.finding is not None else ""


@pytest.mark.parametrize("scenario", ["completion.plain", "retry.cancelled_mid_text", "reuse.after_stop"])
def test_a_whole_answer_is_shown_once_and_a_stop_stops_it(scenario: str, results: dict[str, CaseFinished]) -> None:
    result = results[f"{scenario}@{CLIENT}"]
    assert (result.verdict, requests(result)) == (Verdict.PASS, 1), result.finding


def test_an_answer_that_breaks_off_is_asked_for_again_and_shown_twice(results: dict[str, CaseFinished]) -> None:
    result = results[f"cutoff.clean_end_mid_text@{CLIENT}"]
    assert result.verdict is Verdict.FAIL
    assert result.finding is not None
    assert result.finding.harm.endswith("twice")
    assert requests(result) == 2


def test_without_its_end_an_answer_is_asked_for_again_and_again(results: dict[str, CaseFinished]) -> None:
    result = results[f"completion.no_message_stop@{CLIENT}"]
    assert told(result) == (Verdict.FAIL, "SP01")
    assert requests(result) >= 2


@pytest.mark.parametrize("scenario", ["http_status.status_529_for_ever", "headers.event_stream_as_plain_text"])
def test_another_status_or_content_type_ends_it_for_good(scenario: str, results: dict[str, CaseFinished]) -> None:
    assert requests(results[f"{scenario}@{CLIENT}"]) == 1


def test_where_there_is_no_chromium_the_client_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    client = next(one for one in catalog.every_adapter() if one.name == CLIENT)
    assert isinstance(client, Absent)
    assert "no chromium on the PATH" in client.why
