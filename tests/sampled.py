"""Many values of a strategy at once: the same ones in every run."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from harness.repeatable import draw_by_the_seed_alone

T = TypeVar("T")


def sample(strategy: SearchStrategy[T], count: int) -> list[T]:
    """``count`` values, or all where there are fewer."""
    found: list[T] = []

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: T) -> None:
        found.append(value)

    draw_by_the_seed_alone()
    collect()
    return found
