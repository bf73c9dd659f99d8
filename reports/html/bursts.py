"""Many moments as a few stretches, so that a timeline of ten thousand writes has a bounded size. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_BREATH_SECONDS = 0.004
"""A pause between two writes that nobody sees."""


def grouped(times: Sequence[float], most: int) -> list[tuple[int, int]]:
    """Neighbouring moments, put together: index of the first and index behind the last of each group.

    The pause that parts two groups is the shortest, from 4 ms on and doubled each time, that leaves no more than
    ``most`` of them.

    Args:
        times: seconds, ascending.
        most: groups, at least one.
    """
    breath = _BREATH_SECONDS
    while len(groups := _parted(times, breath)) > most:
        breath *= 2
    return groups


def _parted(times: Sequence[float], breath: float) -> list[tuple[int, int]]:
    if not times:
        return []
    cuts = [place for place, (one, other) in enumerate(pairwise(times), start=1) if other - one > breath]
    return list(pairwise([0, *cuts, len(times)]))
