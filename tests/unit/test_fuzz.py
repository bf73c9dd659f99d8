"""A shard: it finds the same whenever it is explored, and what it finds is shrunk to its simplest case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import islice

import pytest

from fake_server.answer import Answer
from fake_server.script import script
from harness.events import CaseFinished
from harness.fuzz import Failure, Shard, explore, shrink
from harness.model import Scenario
from harness.verdict import Verdict

SHARD = Shard(client="breaking:first_text", seed="1", number=0, examples=20)


def told(shard: Shard) -> list[tuple[str, Verdict, str]]:
    """What is heard of each case, in order."""
    heard: list[CaseFinished] = []
    explore(shard, heard.append)
    return [(one.case, one.verdict, str(one.record and one.record.client)) for one in heard]


def failures(client: str) -> Iterator[Failure]:
    """Failures of this client, shard by shard."""
    for seed in range(100):
        yield from explore(replace(SHARD, client=client, seed=str(seed), examples=40)).failures.values()


@cache
def found(client: str) -> Failure:
    return next(failures(client))


def is_simplest(scenario: Scenario) -> bool:
    """Whether it has one step with one fault, and the fewest sentences."""
    first, *others = scenario.script.steps
    fewest = isinstance(first, Answer) and (first.sentences, len(first.faults)) == (1, 1)
    return fewest and not others and scenario.network is None


def test_a_shard_draws_the_same_cases_and_finds_the_same_whenever_it_is_explored() -> None:
    assert told(SHARD) == told(SHARD)
    assert explore(SHARD) == explore(SHARD)


def test_a_shard_runs_as_many_cases_as_it_was_asked_to_and_tells_of_each() -> None:
    assert len(told(SHARD)) == explore(SHARD).cases == SHARD.examples


@pytest.mark.parametrize("other", [replace(SHARD, number=1), replace(SHARD, seed="2")])
def test_shards_of_other_numbers_and_seeds_draw_other_cases(other: Shard) -> None:
    assert {name for name, *_ in told(SHARD)} != {name for name, *_ in told(other)}


def test_the_first_of_each_failure_is_kept_and_all_are_counted() -> None:
    explored = explore(SHARD)
    assert explored.failures.keys() == explored.times.keys()
    assert sum(explored.times.values()) > len(explored.failures) > 0


def test_a_client_without_a_fault_has_no_failures() -> None:
    assert explore(replace(SHARD, client="bundled")).failures == {}


def test_failures_are_shrunk_to_one_step_with_one_fault_and_the_fewest_sentences() -> None:
    """Not each of them: the shrinker may be left with a step more."""
    shrunk = map(shrink, islice(failures("breaking:every_end"), 6))
    assert any(is_simplest(one.scenario) and one.is_shrunk for one in shrunk)


def test_a_failure_that_needs_no_fault_is_shrunk_to_a_plain_answer() -> None:
    shrunk = shrink(found("breaking:first_text"))
    assert shrunk.scenario.script == script(Answer(sentences=1))


def test_shrinking_ends_with_the_same_failure_every_time() -> None:
    failure = found("breaking:every_end")
    assert (first := shrink(failure)) == shrink(failure)
    assert first.code == failure.code


def test_what_does_not_come_again_is_given_back_as_it_is() -> None:
    failure = found("breaking:first_text")
    healthy = replace(failure, shard=replace(failure.shard, client="bundled"))
    assert shrink(healthy) == healthy
