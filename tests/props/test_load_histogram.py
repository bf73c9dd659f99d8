"""A histogram tells what a sorted list would, as exactly as it promises, in any order and in any parts."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from harness.load.histogram import Histogram

SECONDS = st.floats(0, 100_000) | st.floats(0, 0.001) | st.sampled_from([0.0, 1e-6, 255e-6, 256e-6, 257e-6, 1.0])
MANY = st.lists(SECONDS, min_size=1, max_size=60)
MICRO = 1e-6


def of(values: list[float]) -> Histogram:
    histogram = Histogram()
    histogram.add_all(values)
    return histogram


@given(MANY, st.floats(0, 1))
def test_a_quantile_is_that_of_the_sorted_list_and_at_most_one_part_in_128_too_long(
    values: list[float], share: float
) -> None:
    exact = sorted(values)[max(1, ceil(share * len(values))) - 1]
    found = of(values).quantile(share)
    assert found is not None
    assert exact - MICRO <= found <= exact * (1 + 1 / 128) + MICRO


@given(MANY)
def test_count_sum_and_ends_are_exact(values: list[float]) -> None:
    histogram = of(values)
    assert (histogram.count, histogram.least, histogram.most) == (len(values), min(values), max(values))
    mean = histogram.mean
    assert mean is not None
    assert abs(mean - sum(values) / len(values)) <= 1e-9 * max(1.0, sum(values))
    most = histogram.quantile(1.0)
    assert most is not None
    assert abs(most - max(values)) <= MICRO
    assert (Histogram().quantile(0.5), Histogram().mean) == (None, None)


@given(MANY, MANY)
def test_two_histograms_together_are_that_of_both_lists(some: list[float], others: list[float]) -> None:
    both, whole = of(some), of(some + others)
    both.merge(of(others))
    both.merge(Histogram())
    assert (both.counts, both.least, both.most) == (whole.counts, whole.least, whole.most)
    empty = Histogram()
    empty.merge(of(some))
    assert empty.counts == of(some).counts
    assert empty.least == min(some)


@given(MANY, st.integers(1, 80))
def test_the_bars_hold_each_value_once_within_their_ends(values: list[float], many: int) -> None:
    found = list(of(values).bars(many))
    assert len(found) <= many
    assert sum(count for _, _, count in found) == len(values)
    assert all(abs(before - after) < 1e-9 for (_, before, _), (after, _, _) in pairwise(found))
    assert found[0][0] <= min(values) + MICRO
    assert found[-1][1] >= max(values) - MICRO
    assert list(Histogram().bars(many)) == []


def test_what_is_negative_counts_as_nothing() -> None:
    assert of([-1.0, 2.0]).least == 0.0
