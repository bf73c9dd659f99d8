"""What the harness says of the official SDK in two dozen scenarios is what a caller gets who tries it by hand.

The scenarios are served, ten lines call the SDK, and the sentence is compared with what those got. Beside each, the
bytes that prove it are in what ``streamproof replay`` prints.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import anthropic
import pytest
from live.running import STREAMPROOF, run, served
from live.test_sdk_truth import Seen, call

from harness import catalog
from harness.events import CaseFinished
from harness.verdict import Verdict

HALVES = """
cutoff.clean_end_preamble_only cutoff.clean_end_mid_text cutoff.clean_end_late_text cutoff.clean_end_in_event
cutoff.close_delimited fallback.after_two_cuts fallback.not_after_one_cut fallback.fails_too_then_works
fallback.refused
""".split()
"""Half an answer, and no exception."""
BARE = """
cutoff.fin_preamble_only cutoff.fin_mid_text cutoff.fin_late_text cutoff.reset_mid_text cutoff.reset_late_text
cutoff.clean_end_in_character stall.mid_text stall.preamble_only malformed.json_mid_stream malformed.json_last_event
order.delta_before_start
""".split()
"""An exception that is none of the SDK's."""
LOST = """
completion.held_open cutoff.fin_terminal_seen cutoff.reset_terminal_seen framing.no_final_chunk
headers.content_length_too_large malformed.usage_missing stall.reason_seen
""".split()
"""The whole answer on display, and then an exception."""
EVERY = [*HALVES, *BARE, *LOST]


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with served() as url:
        yield url


@pytest.fixture(scope="module")
def results() -> dict[str, CaseFinished]:
    return run("anthropic", select=" or ".join(EVERY))


def told(results: dict[str, CaseFinished], scenario: str) -> tuple[str, str]:
    """The harness's sentence, and the whole text that the server was to say."""
    result = results[f"{scenario}@anthropic"]
    assert (result.verdict, result.finding is not None) == (Verdict.FAIL, True), (scenario, result.verdict)
    assert result.finding is not None
    assert result.record is not None
    return result.finding.harm, result.record.info.texts[0]


def by_hand(base: str, scenario: str) -> Seen:
    return call(f"{base}/{scenario}", **catalog.scenarios()[scenario].request)


def test_there_are_more_than_twenty() -> None:
    assert len(set(EVERY)) == len(EVERY) > 20


@pytest.mark.parametrize("scenario", HALVES)
def test_half_an_answer_comes_without_an_exception(base: str, scenario: str, results: dict[str, CaseFinished]) -> None:
    harm, whole = told(results, scenario)
    seen = by_hand(base, scenario)
    assert seen.error is None
    assert seen.message is not None
    assert seen.message.stop_reason is None
    assert whole.startswith(seen.text)
    share = f"{len(seen.text) / len(whole):.0%} of the answer" if seen.text else "no answer"
    assert harm == f"the user saw {share} and no exception; only a stop_reason of None tells"


@pytest.mark.parametrize("scenario", BARE)
def test_the_exception_is_none_that_the_sdks_own_class_catches(
    base: str, scenario: str, results: dict[str, CaseFinished]
) -> None:
    harm, _ = told(results, scenario)
    error = by_hand(base, scenario).error
    assert error is not None
    assert not isinstance(error, anthropic.AnthropicError)
    name = f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}"
    assert harm == f"the caller got a bare {name}, which the client's own error class does not catch"


@pytest.mark.parametrize("scenario", LOST)
def test_the_whole_answer_is_there_and_then_the_call_fails(
    base: str, scenario: str, results: dict[str, CaseFinished]
) -> None:
    harm, whole = told(results, scenario)
    seen = by_hand(base, scenario)
    assert seen.text == whole
    assert seen.error is not None
    assert harm.startswith(
        f"the whole answer was on display, and then the call failed ({type(seen.error).__module__}"[:60]
    )
    assert type(seen.error).__name__ in harm


def test_a_replay_shows_the_bytes_and_the_sentence(results: dict[str, CaseFinished]) -> None:
    harm, whole = told(results, "cutoff.clean_end_mid_text")
    command = [STREAMPROOF, "replay", results["cutoff.clean_end_mid_text@anthropic"].case]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert harm in done.stdout
    assert "content_block_delta" in done.stdout
    assert whole.split()[0] in done.stdout
