"""A campaign on the workers of a real Dask scheduler."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.campaign import Campaign, Tally, explored_by, shrunk_by
from harness.fuzz import Explored, explore
from harness.workers import cluster

distributed = pytest.importorskip("distributed", reason="NOT TESTED on Dask: pip install 'streamproof[dask]'")
CAMPAIGN = Campaign(client="breaking:first_text", seed="1", examples=80, size=8)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Any]:
    """A scheduler and two workers, each a process of its own."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as running:
        yield running


def never() -> bool:
    return False


def tally_of(found: list[Explored]) -> Tally:
    tally = Tally()
    for one in found:
        tally.add(one)
    return tally


@pytest.fixture(scope="module")
def expected() -> Tally:
    return tally_of([explore(shard) for shard in CAMPAIGN.shards()])


def test_the_workers_find_what_one_process_finds(scheduler: Any, expected: Tally) -> None:
    with cluster(scheduler.scheduler_address) as workers:
        assert workers.at_once() == 4
        found = list(explored_by(workers, CAMPAIGN.shards(), stop=never))
        codes = [one.code for one in shrunk_by(workers, expected.failures.values(), stop=never)]
    assert tally_of(found) == expected
    assert codes


def test_when_a_worker_is_killed_its_shards_run_again_and_nothing_is_lost_or_doubled(
    scheduler: Any, expected: Tally
) -> None:
    with cluster(scheduler.scheduler_address) as workers, distributed.Client(scheduler, set_as_default=False) as other:
        search = explored_by(workers, CAMPAIGN.shards(), stop=never)
        found = [next(search)]
        pids = other.run(os.getpid)
        victim = next(pids[worker] for worker, shards in other.processing().items() if shards)
        os.kill(victim, signal.SIGKILL)
        found += search
        assert victim not in other.run(os.getpid).values()
    numbers = sorted(one.shard.number for one in found)
    assert numbers == [shard.number for shard in CAMPAIGN.shards()]
    assert tally_of(found) == expected


def test_a_search_that_is_stopped_does_not_wait_for_its_shards(scheduler: Any) -> None:
    long = replace(CAMPAIGN, examples=None, size=100_000)
    asked: Iterator[bool] = iter((False, True))
    with cluster(scheduler.scheduler_address) as workers:
        assert list(explored_by(workers, long.shards(), stop=lambda: next(asked))) == []
