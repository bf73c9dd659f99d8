"""A campaign: it finds the same on one process, on many, and in parts, and goes on where it was interrupted."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis.errors import FlakyFailure

from harness import campaign as campaigns
from harness.campaign import Campaign, Tally, distinct, explored_by, shrunk_by
from harness.fuzz import Explored, Failure, Shard, explore
from harness.progress import Journal, journal_of
from harness.workers import Workers, processes

WHOLE = Campaign(client="breaking:first_text", seed="1", examples=50, size=9)


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def explored() -> dict[Shard, Explored]:
    return {shard: explore(shard) for shard in WHOLE.shards()}


def tally_of(found: Iterable[Explored]) -> Tally:
    tally = Tally()
    for one in found:
        tally.add(one)
    return tally


class Alone(Executor):
    """Runs everything at once, in the caller's thread."""

    def __init__(self) -> None:
        self.begun = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.begun += 1
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Busy(Executor):
    """Never comes to what it is given."""

    def __init__(self) -> None:
        self.waiting: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.waiting.append(Future())
        return self.waiting[-1]


def alone() -> Workers:
    return Workers(executor=Alone(), at_once=lambda: 2)


# ---- its shards


def test_all_shards_together_have_all_cases_and_only_the_last_is_smaller() -> None:
    sizes = [shard.examples for shard in WHOLE.shards()]
    assert sizes == [9, 9, 9, 9, 9, 5]
    assert [shard.number for shard in WHOLE.shards()] == list(range(6))


def test_the_parts_of_a_campaign_have_each_shard_once() -> None:
    parts = [replace(WHOLE, part=(number, 4)) for number in range(1, 5)]
    shards = [shard for part in parts for shard in part.shards()]
    assert sorted(shards, key=lambda one: one.number) == list(WHOLE.shards())


def test_a_campaign_without_a_number_of_cases_never_runs_out_of_shards() -> None:
    endless = replace(WHOLE, examples=None, part=(2, 3))
    assert [shard.number for shard in islice(endless.shards(), 3)] == [1, 4, 7]
    assert all(endless.has(shard) for shard in islice(endless.shards(), 3))


def test_a_campaign_knows_its_own_shards() -> None:
    part = replace(WHOLE, part=(1, 2))
    assert [part.has(shard) for shard in WHOLE.shards()] == [True, False] * 3
    for other in (replace(WHOLE, seed="2"), replace(WHOLE, client="naive"), replace(WHOLE, size=8)):
        assert not any(WHOLE.has(shard) for shard in other.shards())
    assert not WHOLE.has(replace(next(WHOLE.shards()), number=6))


# ---- what is found


def test_two_processes_find_what_one_finds(explored: dict[Shard, Explored]) -> None:
    with processes(2) as workers:
        found = list(explored_by(workers, WHOLE.shards(), stop=never))
    assert tally_of(found) == tally_of(explored.values())
    assert len(found) == len(explored)


def test_the_parts_put_together_find_what_the_whole_finds(explored: dict[Shard, Explored]) -> None:
    parts = (replace(WHOLE, part=(number, 3)) for number in (3, 1, 2))
    found = (one for part in parts for one in explored_by(alone(), part.shards(), stop=never))
    assert tally_of(found) == tally_of(explored.values())


def test_shards_may_come_back_in_any_order(explored: dict[Shard, Explored]) -> None:
    for seed in range(5):
        order = list(explored.values())
        random.Random(seed).shuffle(order)
        assert tally_of(order) == tally_of(explored.values())


def test_of_each_failure_the_one_of_the_first_shard_is_kept(explored: dict[Shard, Explored]) -> None:
    tally = tally_of(reversed(explored.values()))
    for code, failure in tally.failures.items():
        first = next(one for one in explored.values() if code in one.failures)
        assert failure == first.failures[code]


def test_no_shard_begins_when_the_search_is_over() -> None:
    one = Alone()
    workers = Workers(executor=one, at_once=lambda: 1)
    endless = replace(WHOLE, examples=None)
    assert len(list(explored_by(workers, endless.shards(), stop=lambda: one.begun >= 2))) == 2


def test_no_more_shards_are_with_the_workers_than_they_asked_for() -> None:
    asked, busy = iter([1, 3]), Busy()
    workers = Workers(executor=busy, at_once=lambda: next(asked))
    answers = iter([False, False, True])
    assert list(explored_by(workers, WHOLE.shards(), stop=lambda: next(answers))) == []
    assert len(busy.waiting) == 3
    assert all(one.cancelled() for one in busy.waiting)


def test_failures_that_shrink_to_one_case_are_told_once(explored: dict[Shard, Explored]) -> None:
    failure = next(iter(tally_of(explored.values()).failures.values()))
    law, _, ending = failure.code.partition("/")
    twin, other = replace(failure, code=f"{law}/failed"), replace(failure, code=f"SP99/{ending}")
    assert list(distinct([failure, twin, other])) == [failure, other]


def test_failures_are_shrunk_in_order_of_their_codes(explored: dict[Shard, Explored]) -> None:
    failures = tally_of(explored.values()).failures
    codes = [one.code for one in shrunk_by(alone(), reversed(failures.values()), stop=never)]
    assert codes == sorted(failures)


def test_when_shrinking_is_stopped_what_is_not_shrunk_is_left_out(explored: dict[Shard, Explored]) -> None:
    busy = Workers(executor=Busy(), at_once=lambda: 1)
    assert list(shrunk_by(busy, tally_of(explored.values()).failures.values(), stop=lambda: True)) == []


def test_a_client_that_does_not_do_the_same_twice_is_told_as_it_was_found(
    explored: dict[Shard, Explored], monkeypatch: pytest.MonkeyPatch
) -> None:
    def flaky(failure: Failure) -> Failure:
        raise FlakyFailure("no failure this time", [ValueError()])

    monkeypatch.setattr(campaigns, "shrink", flaky)
    failure = next(iter(tally_of(explored.values()).failures.values()))
    assert list(shrunk_by(alone(), [failure], stop=never)) == [failure]


# ---- what is kept


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return journal_of(WHOLE, "first-text", tmp_path / "fuzz")


def test_a_journal_gives_back_what_was_written(journal: Journal, explored: dict[Shard, Explored]) -> None:
    assert journal.read() == {}
    for one in explored.values():
        journal.add(one)
    assert journal.read() == explored


def test_a_cleared_journal_is_empty(journal: Journal, explored: dict[Shard, Explored]) -> None:
    journal.clear()
    journal.add(next(iter(explored.values())))
    journal.clear()
    assert journal.read() == {}


@pytest.mark.parametrize("kept", [0, 1, 0.5, -2])
def test_an_interrupted_campaign_goes_on_and_finds_the_same(
    journal: Journal, explored: dict[Shard, Explored], kept: float
) -> None:
    """The last line is cut by a kill, after so much of it."""
    for one in islice(explored.values(), 3):
        journal.add(one)
    *whole, last = journal.path.read_bytes().splitlines(keepends=True)
    cut = int(kept * len(last)) if 0 < kept < 1 else int(kept)
    journal.path.write_bytes(b"".join((*whole, last[:cut])))
    done = journal.read()
    assert len(done) == 2
    for one in explored_by(alone(), (shard for shard in WHOLE.shards() if shard not in done), stop=never):
        journal.add(one)
    assert journal.read().keys() == explored.keys()
    assert tally_of(journal.read().values()) == tally_of(explored.values())


@pytest.mark.parametrize("line", [b"{}", b"5", b"null", b'{"shard": {"of": "another version"}}', b"\xff"])
def test_a_line_of_another_version_is_left_out(journal: Journal, explored: dict[Shard, Explored], line: bytes) -> None:
    journal.add(next(iter(explored.values())))
    with journal.path.open("ab") as file:
        file.write(line + b"\n")
    assert len(journal.read()) == 1


def test_journals_of_other_seeds_and_parts_are_other_files(tmp_path: Path) -> None:
    ones = [WHOLE, replace(WHOLE, seed="2"), replace(WHOLE, part=(1, 2)), replace(WHOLE, part=(2, 2))]
    paths = [journal_of(one, "x", tmp_path).path for one in ones]
    assert len(set(paths)) == len(paths)


def test_no_seed_and_no_name_of_a_client_leads_out_of_the_folder(tmp_path: Path) -> None:
    path = journal_of(replace(WHOLE, seed="../../up"), "<b>[/x]|`", tmp_path).path
    assert path.resolve().parent == tmp_path
