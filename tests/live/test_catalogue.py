"""The catalogue against the three clients of the demo."""

from __future__ import annotations

import re

import pytest
from live.running import is_late, run

from fake_server.dialect import Dialect
from harness import catalog
from harness.events import CaseFinished
from harness.history import Case, canonical
from harness.verdict import Verdict

pytestmark = pytest.mark.load

PASSES = frozenset({Verdict.PASS})
NAIVE_FAILS = {
    "cutoff.clean_end_mid_text": ("SP02", r"the user saw \d\d% of the answer and was told that it was whole"),
    "cutoff.clean_end_preamble_only": ("SP02", "the user saw no answer and was told that it was whole"),
    "cutoff.close_delimited": ("SP02", r"the user saw \d\d% of the answer"),
    "headers.gzip_truncated": ("SP02", r"the user saw \d\d% of the answer"),
    "order.overloaded_mid_text": ("SP02", r"the user saw \d\d% of the answer"),
    "order.error_first": ("SP02", "the user saw no answer"),
    "http_status.html_with_200": ("SP02", "the user saw no answer"),
    "http_status.json_error_with_200": ("SP02", "the user saw no answer"),
    "malformed.json_mid_stream": ("SP03", r"has a hole: bytes \d+–\d+ are missing"),
    "malformed.glued_events": ("SP03", r"has a hole: bytes \d+–\d+ are missing"),
    "order.text_after_the_end": ("SP03", "goes on after the end of the answer: 'EXTRA'"),
    "framing.no_space_after_colon": ("SP03", "is 0% of the answer"),
    "framing.multiline_data": ("SP03", "is 0% of the answer"),
    "encoding.line_separators": ("SP03", "has a hole"),
    "encoding.character_split": ("SP05", "a replacement character"),
    "framing.one_byte_chunks": ("SP05", "a replacement character"),
    "encoding.surrogate_pair_split": ("SP05", "unpaired surrogates"),
    "completion.max_tokens": ("SP07", "truncated by the model passed for a complete one"),
    "completion.refusal_empty": ("SP07", "refused by the model passed for a complete one"),
    "completion.pause_turn": ("SP07", "paused by the model passed for a complete one"),
    "headers.content_length_too_large": ("SP07", "the whole answer was on display, and then the call failed"),
    "stall.mid_text": ("SP01", "still waiting after 9 s"),
    "completion.held_open": ("SP01", "still waiting after 9 s"),
}
"""What the hand-made loop does wrong, and in which words the harness must say so."""


@pytest.fixture(scope="module")
def naive() -> dict[str, CaseFinished]:
    return run("naive", select=" or ".join(NAIVE_FAILS))


@pytest.mark.parametrize("scenario", NAIVE_FAILS)
def test_the_naive_loop_fails_for_the_right_reason(scenario: str, naive: dict[str, CaseFinished]) -> None:
    finding = naive[f"{scenario}@naive"].finding
    assert finding is not None
    assert finding.verdict is Verdict.FAIL
    law, words = NAIVE_FAILS[scenario]
    assert (finding.law, bool(re.search(words, finding.harm))) == (law, True), finding.harm


@pytest.mark.parametrize("client", ["bundled", "bundled_blocks", "bundled_sync"])
def test_the_bundled_client_passes_every_scenario(client: str) -> None:
    found = wrong(client, "1")
    spoken = {name for name, one in catalog.scenarios().items() if Dialect.ANTHROPIC in one.spoken_in}
    assert {case: why for case, why in found.items() if case.partition("@")[0] in spoken} == {}


@pytest.mark.parametrize("client", ["bundled_chat", "bundled_responses"])
def test_the_bundled_client_passes_what_is_said_in_another_dialect(client: str) -> None:
    assert wrong(client, "1", bears={Verdict.PASS, Verdict.SKIP}) == {}


TAKEN_BACK = {"alternatives.another_answer_elsewhere", "resume.unknown_model"}
"""Another answer follows after a part of one was passed on: a relay cannot take that back, and says so."""
UNSEEN = {"unreachable_network.refused_at_first", "unreachable_network.flapping"}
"""A reader behind a relay does not see that there was an outage at all."""


def test_what_arrives_behind_a_relay_is_whole_or_says_that_it_is_not() -> None:
    found = wrong("bundled_relay", "1", bears={Verdict.PASS, Verdict.SKIP})
    assert {scenario.partition("@")[0] for scenario in found} <= TAKEN_BACK | UNSEEN, found


def wrong(client: str, seed: str, bears: frozenset[Verdict] | set[Verdict] = PASSES) -> dict[str, str | None]:
    """What has another verdict than those."""
    failed = (one for one in run(client, seed=seed).values() if one.verdict not in bears)
    return {one.case: one.finding and one.finding.harm for one in failed}


def is_timed(result: CaseFinished) -> bool:
    """Whether time may decide: over a broken network it does, but for a client that gets over everything; and who
    leaves at the end of an answer may be gone before the reset that follows it, or not."""
    over_a_network = result.scenario.partition(".")[0].endswith("_network") and result.client != "bundled"
    return over_a_network or result.scenario == "cutoff.reset_terminal_seen"


def timeless(result: CaseFinished) -> object:
    """A result without times and ports; over a network that is broken, what came of it."""
    if result.record is not None and result.record.network:
        finished = Case(result.record).finished
        wrong = [one.law for one in result.rulings if one.verdict in (Verdict.FAIL, Verdict.UNKNOWN)]
        return wrong, finished and (finished.outcome, finished.stop_reason)
    rulings = [(one.law, one.verdict, re.sub(r"\d+\.\d+ s", "* s", one.harm)) for one in result.rulings]
    return rulings, result.record and canonical(result.record)


@pytest.mark.slow
def test_two_runs_with_one_seed_differ_in_nothing_but_times_and_ports() -> None:
    first, second = (run("bundled", "anthropic", "naive", seed="11") for _ in range(2))
    late = {name for name in first if is_late(first[name]) or is_late(second[name])}
    assert len(late) < len(first) / 2, "this machine is too busy to tell"
    different = {name for name in first if timeless(first[name]) != timeless(second[name])}
    assert {name for name in different - late if not is_timed(first[name])} == set()


def test_another_seed_tells_another_story() -> None:
    one, two = (run("naive", select="completion.plain", seed=seed)["completion.plain@naive"] for seed in "12")
    assert one.record is not None
    assert two.record is not None
    assert one.record.info.texts != two.record.info.texts
